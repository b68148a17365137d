import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CannotRun } from "../../../src/appliance/cannot_run.ts";
import { Frontends } from "../../../src/appliance/frontends.ts";
import { Tables } from "../../../src/appliance/tables.ts";
import { createSharedMemory } from "../../../src/appliance/shared_memory.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { Plan } from "../../../src/core/plan/plan.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import { accept, close } from "../../../src/linux/socket.ts";

let port: number;
let otherPort: number;
let tables: Tables;
let frontends: Frontends;

beforeEach(() => {
  [port, otherPort] = [freePort(), freePort()];
  const plan = planOf("web");
  const memory = createSharedMemory(plan, 2);
  tables = new Tables(plan, memory);
  frontends = new Frontends(plan, tables, memory.frontendCounters, 2);
});

afterEach(() => frontends.close());

/** What this test's file means, with another name for its frontend. */
function planOf(frontend: string): Plan {
  const text = `
virtualRouters: { api: { interface: lo, vrid: 7, addresses: [192.0.2.9] } }
frontends: { ${frontend}: { listen: ["vip:api:${port}", "127.0.0.2:${otherPort}"], backend: web } }
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
  return plan;
}

/** Opens the listeners of a plan in which the frontend has another name. */
function rename(frontend: string): void {
  const plan = planOf(frontend);
  tables.apply(plan);
  frontends.open(plan);
}

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

  it("keeps the sockets of a frontend that is renamed", async () => {
    const waiting = await Deno.connect({ hostname: "127.0.0.2", port: otherPort });
    rename("site");
    const lent = frontends.lend();
    expect(lent.map((listeners) => listeners.length)).toEqual([2, 2]);
    for (const { listeners, handedOver } of frontends.unwanted()) {
      expect([listeners.length, handedOver]).toEqual([2, listeners]);
    }
    frontends.closeUnwanted();
    const accepted = lent.map(([_, { fd } = { fd: -1 as Fd }]) => accept(fd));
    expect(accepted.filter((fd) => fd >= 0)).toHaveLength(1);
    for (const fd of accepted) if (fd >= 0) close(fd);
    waiting.close();
  });

  it("opens anew what is given up between its taking over and its lending", () => {
    rename("site");
    frontends.leave("api");
    expect(frontends.lend().map((listeners) => listeners.map(({ port }) => port)))
      .toEqual([[otherPort], [otherPort]]);
    frontends.release("api");
    expect(bound()).toEqual([false, true]);
    expect(frontends.reopen("api").map((listeners) => listeners.length)).toEqual([1, 1]);
    expect(bound()).toEqual([true, true]);
  });
});
