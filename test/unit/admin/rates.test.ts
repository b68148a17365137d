import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { Door } from "../../../src/admin/callers.ts";
import { Buckets } from "../../../src/admin/rates.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const SERVER = "/v1/backends/masters/servers/master1";

describe("Buckets", () => {
  it("give a burst, then so many a second, each to its own key", () => {
    let now = 5_000;
    const buckets = new Buckets({ burst: 3, perSecond: 2 }, () => now);
    const takes = (key: string) => {
      const wait = buckets.waitSeconds(key);
      buckets.take(key);
      return wait;
    };
    expect([takes("a"), takes("a"), takes("a"), takes("a")]).toEqual([0, 0, 0, 0.5]);
    expect(takes("b")).toBe(0);
    now += 500;
    expect([takes("a"), takes("a")]).toEqual([0, 0.5]);
    now += 60_000;
    expect([takes("a"), takes("a"), takes("a"), takes("a")]).toEqual([0, 0, 0, 0.5]);
  });
});

const TOKENS: Door = {
  kind: "tcp",
  loopback: true,
  tokens: [{ name: "ops", role: "operator", secretHash: hashOf("right") }],
};

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function open(door: Door) {
  let now = 0;
  const appliance = new FakeAppliance();
  const app = createAdminApp(appliance, door, () => {}, () => now);
  const ask = (token: string | undefined, address: string, method = "GET") => {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(method !== "GET" && { "content-type": "application/json" }),
    };
    const init = { method, headers, ...(method !== "GET" && { body: '{"weight":1}' }) };
    const peer = { certified: null, address, descriptor: null };
    return app.request(SERVER, init, { peer });
  };
  return { appliance, ask, pass: (ms: number) => now += ms };
}

/** Asks until the answer is another, and says how often it was the same. */
async function times(ask: () => Response | Promise<Response>, status: number) {
  for (let count = 0;; count++) {
    const response = await ask();
    if (response.status !== status) return { count, response };
  }
}

describe("guessing tokens", () => {
  it("is answered 429 for a while, and so is the right one, from that address", async () => {
    const { ask, pass } = open(TOKENS);
    const { count, response } = await times(() => ask("wrong", "192.0.2.1"), 401);
    expect(count).toBe(30);
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect((await response.json()).detail).toMatch(/too many wrong tokens from 192.0.2.1/);
    expect((await ask("right", "192.0.2.1")).status).toBe(429);
    expect((await ask("right", "192.0.2.2")).status).toBe(200);
    pass(1_000);
    expect((await ask("right", "192.0.2.1")).status).toBe(200);
  });

  it("is counted by network where addresses cost nothing", async () => {
    const { ask } = open(TOKENS);
    let host = 0;
    const { count } = await times(() => ask("wrong", `2001:db8::${(++host).toString(16)}`), 401);
    expect(count).toBe(30);
    expect((await ask("right", "2001:db8:0:1::1")).status).toBe(200);
    // IPv4 behind a listener of both families is no network of one.
    expect((await times(() => ask("wrong", `::ffff:192.0.2.1`), 401)).count).toBe(30);
    expect((await ask("right", "::ffff:192.0.2.2")).status).toBe(200);
  });

  it("is not what who shows the right one or none does", async () => {
    const { ask } = open(TOKENS);
    for (let time = 0; time < 100; time++) {
      expect((await ask("right", "192.0.2.1")).status).toBe(200);
      expect((await ask(undefined, "192.0.2.1")).status).toBe(401);
    }
  });
});

describe("changes", () => {
  it("of one caller are bounded, reading is not", async () => {
    const { ask, pass } = open(TOKENS);
    const { count, response } = await times(() => ask("right", "192.0.2.1", "PATCH"), 200);
    expect(count).toBe(1_000);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await response.json()).detail).toMatch(/ops asks for more changes than/);
    expect((await ask("right", "192.0.2.1")).status).toBe(200);
    pass(10);
    expect((await ask("right", "192.0.2.1", "PATCH")).status).toBe(200);
  });
});
