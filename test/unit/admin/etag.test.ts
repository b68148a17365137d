import { describe, expect, it } from "vitest";
import { etagOf } from "../../../src/admin/etag.ts";
import { FakeAppliance, makeConnection, makeServer } from "./fake_appliance.ts";

describe("etagOf", () => {
  const server = makeServer("web", "a");
  const none = { admin: null, weightPercent: null, maxConnections: null };

  it("is the same while a server starts slowly and its agent speaks", () => {
    const agent = { ...none, down: false, word: null, text: null };
    const weight = { ...server.weight, effective: 7 };
    const connections = { ...server.connections, active: 4 };
    expect(etagOf({ ...server, weight, connections, agent })).toBe(etagOf(server));
  });

  it("is another when somebody has decided something", () => {
    const weight = { ...server.weight, runtime: 7 };
    const others = [{ weight }, { admin: "drain" }, { port: 1 }, { backup: true }];
    const tags = [{}, ...others].map((said) => etagOf({ ...server, ...said }));
    expect(new Set(tags).size).toBe(others.length + 1);
  });

  it("is the same while connections age, and another where one has gone", () => {
    const connection = makeConnection("0.1.7");
    const older = { ...connection, ageSeconds: 4_000, idleSeconds: 0, receivedBytes: 701 };
    expect(etagOf({ items: [older] })).toBe(etagOf({ items: [connection] }));
    expect(etagOf({ items: [] })).not.toBe(etagOf({ items: [connection] }));
  });

  it("is the same while a virtual router's trackers speak", () => {
    const [router] = new FakeAppliance().virtualRouters();
    const trackers = [{ name: "a", good: false, effect: -20, since: null, detail: "down" }];
    const priority = { ...router!.priority, effective: 80 };
    expect(etagOf({ ...router, trackers, priority })).toBe(etagOf(router));
    expect(etagOf({ ...router, state: "active" })).not.toBe(etagOf(router));
  });
});
