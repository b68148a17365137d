/**
 * How many files the product may open: it takes what it is allowed, and refuses to run on too few.
 */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { Lintel, product } from "./product.ts";

const CONFIG = `
workers: 1
frontends: { web: { listen: "127.0.0.1:80", backend: web } }
backends: { web: { check: none, servers: { web: "127.0.0.1:81" } } }
`;

let lab: Lab;
let host: Host;

beforeEach(() => {
  lab = Lab.create();
  host = lab.host("lb");
});

afterEach(() => lab[Symbol.asyncDispose]());

it("raises its own limit of open files as far as it may", async () => {
  const lintel = new Lintel(host, ["prlimit", "--nofile=512:2048", ...await product()], CONFIG);
  await lintel.ready();
  const limits = Deno.readTextFileSync(`/proc/${lintel.process.pid}/limits`);
  expect(limits).toMatch(/^Max open files +2048 +2048 /m);
});

it("refuses to run where the limit leaves none for connections, and says what to do", async () => {
  const lintel = new Lintel(host, ["prlimit", "--nofile=300:300", ...await product()], CONFIG);
  const { code } = await lintel.process.end(30_000);
  expect(code).toBeGreaterThan(0);
  expect(lintel.process.output).toMatch(/limit of 300 open files .*\(ulimit -n, LimitNOFILE=\)/);
});
