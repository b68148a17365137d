/**
 * Hosts that give the product no io_uring, or say that they would and then do not: it forwards all
 * the same, or says what is missing.
 */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { HeldConnection } from "./held_connection.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";

const config = (engine: "auto" | "uring") => `
engine: ${engine}
workers: 2
frontends: { web: { listen: "127.0.0.1:8080", backend: web } }
backends: { web: { check: none, servers: { web: "127.0.0.1:80" } } }
`;

let lab: Lab;
let host: Host;

beforeEach(() => {
  lab = Lab.create();
  host = lab.host("lb");
});

afterEach(() => lab[Symbol.asyncDispose]());

it("ends where io_uring is asked for and forbidden, and says how to have it", async () => {
  const { process } = await start("uring", NONE);
  expect((await process.end(30_000)).code).toBe(4);
  expect(process.output).toMatch(
    /engine: uring is not to be had.*EPERM.*kernel\.io_uring_disabled=0.*engine: auto/,
  );
});

it("uses epoll where io_uring is forbidden, and says why", async () => {
  await Nginx.start(host);
  const lintel = await start("auto", NONE);
  await lintel.ready();
  expect(await asked()).toBe("lb");
  expect(lintel.process.output).toMatch(/runs.*engine=epoll reason="no io_uring: .*EPERM/);
});

it("goes on with epoll where workers find no io_uring in spite of a probe", async () => {
  await Nginx.start(host);
  const lintel = await start("uring", AS_MUCH_AS_THE_PROBE);
  await lintel.ready();
  for (let count = 0; count < 8; count++) expect(await asked()).toBe("lb");
  const { output } = lintel.process;
  expect(output.match(/uses epoll instead of io_uring: io_uring_setup: .*EPERM/g)).toHaveLength(2);
  expect(output).not.toMatch(/died/);
  expect(await lintel.json("GET", "/v1/status")).toMatchObject({ engine: "epoll" });
});

async function start(engine: "auto" | "uring", requests: number): Promise<Lintel> {
  const launcher = [Deno.execPath(), "run", "--quiet", "-A", LAUNCHER, String(requests)];
  return new Lintel(host, [...launcher, ...await product()], config(engine));
}

async function asked(): Promise<string> {
  using held = await HeldConnection.open(host, "127.0.0.1", 8080);
  return await held.ask();
}

const LAUNCHER = new URL("./less_io_uring.ts", import.meta.url).pathname;
const NONE = 0;
const AS_MUCH_AS_THE_PROBE = 8;
