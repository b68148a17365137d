import { describe, expect, it } from "vitest";
import { planned } from "../../../src/appliance/planned.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { PAIR, planOf, source } from "../config/source.ts";

const running = {
  plan: planOf(PAIR, { node: "lb1" }),
  load: (text: string) => loadConfig(text, source({ node: "lb1" })),
  connections: () => 5,
};

describe("planned()", () => {
  it("finds nothing to change in the file that runs", () => {
    expect(planned(PAIR, running)).toEqual({ hash: running.plan.hash, changes: [], warnings: [] });
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
      ].map((change) => ({ ...change, fields: [] }))),
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

  it("refuses a file with a problem, at its place", () => {
    expect(planned(`${PAIR}workers: 0\n`, running)).toEqual({
      problems: [{ path: "workers", detail: expect.stringMatching(/^\d+:10: found 0/) }],
    });
  });
});
