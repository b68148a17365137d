import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CannotRun } from "../../../src/appliance/cannot_run.ts";
import { Frontends } from "../../../src/appliance/frontends.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import { createSharedMemory } from "../../../src/appliance/shared_memory.ts";
import { loadConfig } from "../../../src/config/load.ts";

let port: number;
let frontends: Frontends;

beforeEach(() => {
  port = freePort();
  const text = `
virtualRouters: { api: { interface: lo, vrid: 7, addresses: [192.0.2.9] } }
frontends: { web: { listen: ["vip:api:${port}", "127.0.0.2:${freePort()}"], backend: web } }
backends: { web: { servers: { one: "127.0.0.1:9" } } }
`;
  const host = {
    hostname: "here",
    shortHostname: "here",
    interfaces: ["lo"],
    addresses: [],
    cpus: 2,
    whyNotRunnable: () => null,
  };
  const { plan } = loadConfig(text, { file: "f", env: {}, readFile: () => "", host });
  if (!plan) throw new Error("the file of this test is broken");
  const memory = createSharedMemory(plan, 2);
  frontends = new Frontends(plan, new Tables(plan, memory), memory.frontendCounters, 2);
});

afterEach(() => frontends.close());

function freePort(): number {
  const free = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  free.close();
  return free.addr.port;
}

const bound = () => frontends.show()[0]?.listeners.map((listener) => listener.bound);

describe("Frontends", () => {
  it("gives up a virtual router's listeners and opens them anew for every worker", () => {
    expect(frontends.listeners(1)).toHaveLength(2);
    frontends.leave("api");
    frontends.release("api");
    expect([frontends.isReleased("api"), bound()]).toEqual([true, [false, true]]);
    expect(frontends.unbound(["web"])).toEqual([]);
    expect(frontends.listeners(0)).toHaveLength(1);
    const opened = frontends.reopen("api");
    expect(opened.map((listeners) => listeners.map((one) => one.virtualRouter)))
      .toEqual([["api"], ["api"]]);
    expect([frontends.isReleased("api"), bound()]).toEqual([false, [true, true]]);
    expect(frontends.listeners(1)).toHaveLength(2);
  });

  it("says what is missing while another program has the port, and nothing once it is back", () => {
    frontends.leave("api");
    frontends.release("api");
    const other = Deno.listen({ hostname: "0.0.0.0", port });
    expect(() => frontends.reopen("api")).toThrow(CannotRun);
    expect(frontends.unbound(["web"])).toEqual([`192.0.2.9:${port}`]);
    expect(frontends.unbound(["other"])).toEqual([]);
    expect([frontends.isReleased("api"), bound()]).toEqual([true, [false, true]]);
    other.close();
    frontends.reopen("api");
    expect([frontends.unbound(["web"]), bound()]).toEqual([[], [true, true]]);
  });
});
