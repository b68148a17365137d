import { describe, expect, it } from "vitest";
import { planned } from "../../../src/appliance/planned.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { PAIR, planOf, source } from "../config/source.ts";

const running = {
  plan: planOf(PAIR, { node: "lb1" }),
  load: (text: string) => loadConfig(text, source({ node: "lb1" })),
  connections: () => 5,
  router: (name: string) =>
    name === "web" ? { state: "active" as const, addresses: ["10.0.0.10/32"] } : undefined,
  overruled: (): readonly string[] => [],
};

describe("planned()", () => {
  it("finds nothing to change in the file that runs", () => {
    expect(planned(PAIR, running)).toEqual({
      ...{ hash: running.plan.hash, changes: [], nextStart: [], warnings: [] },
      remarks: [],
    });
  });

  it("tells what has been said at run time and the file would overrule", () => {
    const asked: unknown[] = [];
    const overruled = (plan: unknown) => [`${asked.push(plan)} would be over`];
    expect(planned(`${PAIR}workers: 3\n`, { ...running, overruled })).toMatchObject({
      remarks: ["1 would be over"],
    });
    // Of what would run, not of what would at the next start.
    expect(asked).toMatchObject([{ workers: null }]);
  });

  it("tells the connections that hang on a server or frontend", () => {
    const more = `${PAIR}frontends: { x: { listen: "*:80", backend: x } }
backends: { x: { servers: { a: "10.0.9.1:80" } } }
`;
    const before = { ...running, plan: planOf(more, { node: "lb1" }) };
    expect(planned(PAIR, before)).toMatchObject({
      changes: expect.arrayContaining([
        { kind: "remove", what: "listener", name: "x *:80", connections: null },
        { kind: "remove", what: "frontend", name: "x", connections: 5 },
        { kind: "remove", what: "server", name: "x/a", connections: 5 },
        { kind: "remove", what: "backend", name: "x", connections: null },
      ].map((change) => ({ ...change, fields: [], effect: null }))),
    });
  });

  it("tells that a secret is another one, and neither of both", () => {
    const withToken = (secret: string) =>
      `${PAIR}admin: { tokens: [{ name: ops, role: admin, secret: ${secret} }] }\n`;
    const before = { ...running, plan: planOf(withToken("one"), { node: "lb1" }) };
    const changes = planned(withToken("two"), before);
    expect(changes).toMatchObject({
      changes: [{ name: "admin", fields: [{ path: "tokens", from: "(not told)" }] }],
    });
    expect(JSON.stringify(changes)).not.toMatch(/secretHash/);
  });

  it("does not tell a secret within what is new as a whole", () => {
    const backend = (check: string) =>
      `${PAIR}backends: { x: { check: ${check}, servers: { a: "10.0.9.1:80" } } }\n`;
    const before = { ...running, plan: planOf(backend("none"), { node: "lb1" }) };
    const withToken = `{ type: https, verify: none, token: swordfish }`;
    const shown = JSON.stringify(planned(backend(withToken), before));
    expect(shown).toContain("(not told)");
    expect(shown).not.toContain("swordfish");
  });

  it("says which addresses leave with an active virtual router", () => {
    const gone = planned(PAIR.replace(/virtualRouters:\n.*\n/, ""), running);
    expect(gone).toMatchObject({
      changes: [{
        ...{ kind: "remove", what: "virtualRouter", name: "web" },
        effect: "it is active here: 10.0.0.10/32 leave this node",
      }],
    });
    const other = planned(PAIR.replace("vrid: 1,", "vrid: 2,"), running);
    expect(other).toMatchObject({
      changes: [{ effect: expect.stringMatching(/10.0.0.10\/32 go/) }],
    });
    const soft = planned(PAIR.replace("vrid: 1,", "vrid: 1, preempt: false,"), running);
    expect(soft).toMatchObject({ changes: [{ what: "virtualRouter", effect: null }] });
    const backup = { ...running, router: () => ({ state: "backup" as const, addresses: ["x"] }) };
    const quiet = planned(PAIR.replace("vrid: 1,", "vrid: 2,"), backup);
    expect(quiet).toMatchObject({ changes: [{ effect: null }] });
  });

  it("says that one starts anew exactly where it does", () => {
    const effect = (from: string, to: string) => {
      const before = { ...running, plan: planOf(from, { node: "lb1" }) };
      const shown = planned(to, before);
      if (!("changes" in shown)) throw new Error(JSON.stringify(shown));
      return shown.changes.find(({ what }) => what === "virtualRouter")?.effect;
    };
    const having = (more: string) => PAIR.replace("vrid: 1,", `vrid: 1, ${more},`);
    const unicast = (...peers: string[]) =>
      having(`unicast: { source: 10.0.0.2, peers: [${peers.join(", ")}] }`);
    expect(effect(unicast("10.0.0.3"), unicast("10.0.0.3", "10.0.0.4"))).toBeNull();
    expect(effect(having("unicast: false"), unicast("10.0.0.3"))).toMatch(/starts anew/);
    const owner = PAIR.replace("priority: 150", "priority: 255");
    expect(effect(owner, PAIR)).toMatch(/starts anew/);
    expect(effect(PAIR, owner)).toBeNull();
  });

  it("says that another name is another virtual router", () => {
    const renamed = planned(PAIR.replace("  web: {", "  api: {"), running);
    expect(renamed).toMatchObject({
      changes: [{ kind: "add", name: "api" }, {
        ...{ kind: "remove", name: "web" },
        effect: "it is active here: 10.0.0.10/32 leave this node, and api starts anew as a backup",
      }],
    });
  });

  it("tells apart what has to wait for the next start", () => {
    expect(planned(`${PAIR}workers: 3\n`, running)).toMatchObject({
      changes: [],
      nextStart: [{ path: "workers", from: null, to: 3 }],
    });
  });

  it("refuses a file with a problem, at its place", () => {
    expect(planned(`${PAIR}workers: 0\n`, running)).toEqual({
      problems: [{ path: "workers", detail: expect.stringMatching(/^\d+:10: found 0/) }],
    });
  });
});
