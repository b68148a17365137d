import { describe, expect, it } from "vitest";
import { type Change, diff, listenerName } from "../../../../src/core/plan/diff.ts";
import type { Plan } from "../../../../src/core/plan/plan.ts";
import { planOf } from "../../config/source.ts";

const PAIR = `
nodes:
  lb1: { addresses: [10.0.0.2], priority: 150 }
  lb2: { addresses: [10.0.0.3], priority: 100 }
trackers:
  hold: { type: file, path: /etc/lintel/hold }
virtualRouters:
  web: { vrid: 60, addresses: [10.0.0.10], track: { hold: yield } }
frontends:
  web: { listen: ["vip:web:80", "127.0.0.1:8080"], backend: web }
backends:
  web:
    servers: { a: "10.0.1.1:80", b: "10.0.1.2:80" }
`;

describe("diff", () => {
  it("finds nothing between equal plans, also where the text differs", () => {
    expect(diff(lb1(PAIR), lb1(`${PAIR}# a remark\n`))).toEqual([]);
  });

  it("names the fields that differ, and nothing beside them", () => {
    const changed = PAIR.replace("vrid: 60", "vrid: 61")
      .replace("servers:", "timeouts: { idle: 2h }\n    servers:")
      .replace('"10.0.1.2:80"', '{ address: "10.0.1.2:80", weight: 7 }');
    expect(diff(lb1(PAIR), lb1(`${changed}log: { level: debug }\n`))).toEqual([
      changes("setting", "log", ["level", "info", "debug"]),
      changes("backend", "web", ["idleTimeoutMs", 3_600_000, 7_200_000]),
      changes("server", "web/b", ["weight", 100, 7]),
      changes("virtualRouter", "web", ["vrid", 60, 61]),
    ]);
  });

  it("puts what is new after what it refers to, and what goes before that, at the end", () => {
    const backend = `  api:\n    servers: { c: "10.0.1.3:80" }\n`;
    const frontend = '  api: { listen: "*:6443", backend: api }\n';
    const more = PAIR.replace("backends:\n", `${frontend}backends:\n${backend}`);
    const things = [
      ["backend", "api"],
      ["server", "api/c"],
      ["frontend", "api"],
      ["listener", "api *:6443"],
    ];
    expect(briefly(diff(lb1(PAIR), lb1(more)))).toEqual(
      things.map((thing) => ["add", ...thing]),
    );
    expect(briefly(diff(lb1(more), lb1(PAIR)))).toEqual(
      things.toReversed().map((thing) => ["remove", ...thing]),
    );
  });

  it("names a listener as the file writes it", () => {
    const plan = { address: "::", port: 53, protocol: "tcp" } as const;
    expect(listenerName(plan)).toBe("[::]:53");
    expect(listenerName({ ...plan, address: "*", protocol: "udp" })).toBe("*:53/udp");
  });

  it("takes a listener elsewhere for another one", () => {
    const moved = PAIR.replace("127.0.0.1:8080", "[::1]:8081");
    expect(briefly(diff(lb1(PAIR), lb1(moved)))).toEqual([
      ["add", "listener", "web [::1]:8081"],
      ["remove", "listener", "web 127.0.0.1:8080"],
    ]);
  });
});

function lb1(text: string): Plan {
  return planOf(text, { node: "lb1" });
}

function changes(what: Change["what"], name: string, ...fields: [string, unknown, unknown][]) {
  return {
    kind: "change",
    what,
    name,
    fields: fields.map(([path, from, to]) => ({ path, from, to })),
  };
}

function briefly(changes: readonly Change[]): string[][] {
  return changes.map(({ kind, what, name }) => [kind, what, name]);
}
