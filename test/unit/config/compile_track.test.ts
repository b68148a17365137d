import { describe, expect, it } from "vitest";
import { checkAllNodes } from "../../../src/config/load.ts";
import { PAIR, planOf, problemsOf, source } from "./source.ts";

describe("track", () => {
  it("is the data plane unless it is told not to be", () => {
    const dataplane = {
      kind: "dataplane",
      frontends: ["web"],
      minUsable: 1,
      effect: { kind: "points", points: -51 },
    };
    expect(track("")).toEqual([dataplane]);
    expect(track("{ hold: yield }")).toEqual([
      dataplane,
      { kind: "tracker", tracker: "hold", effect: { kind: "yield" } },
    ]);
    expect(track("{ dataplane: false, hold: -20 }")).toEqual([
      { kind: "tracker", tracker: "hold", effect: { kind: "points", points: -20 } },
    ]);
    expect(track("{ dataplane: yield }")).toEqual([{ ...dataplane, effect: { kind: "yield" } }]);
    expect(track("{ dataplane: -7 }")[0]?.effect).toEqual({ kind: "points", points: -7 });
    const keys = "{ frontends: [wild, web, wild], minUsable: 2, effect: -9 }";
    expect(track(`{ dataplane: ${keys} }`)).toEqual([{
      kind: "dataplane",
      frontends: ["wild", "web"],
      minUsable: 2,
      effect: { kind: "points", points: -9 },
    }]);
  });

  it.each([
    ["{ hodl: yield }", 'track.hodl: there is no tracker "hodl"; did you mean hold?'],
    ["{ hold: auto }", "track.hold: only dataplane takes auto; allowed: yield, or points"],
    ["{ hold: false }", "only dataplane takes false"],
    ["{ hold: {} }", "only dataplane takes a map"],
    ["{ hold: 0 }", "track.hold: found 0; allowed: yield, or points from -253 to 253 but not 0"],
    ["{ dataplane: 0 }", "track.dataplane: found 0"],
    ["{ dataplane: 5 }", "track.dataplane: found 5; allowed: auto, yield, false, points from -253"],
    ["{ dataplane: { frontends: [wep] } }", 'frontends[0]: there is no frontend "wep"; did you'],
    ["{ dataplane: { minUsable: 0 } }", "track.dataplane.minUsable: found 0"],
    ["{ dataplane: { effect: 3 } }", "effect: found 3; allowed: auto, yield, or points from -253"],
    ["{ dataplane: { frontend: [web] } }", "unknown key; did you mean frontends?"],
  ])("%s is refused", (keys, words) => {
    const problems = problemsOf(file(keys), { node: "lb1" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words);
  });
});

describe("dataplane: auto", () => {
  it.each([
    ["priority: { lb1: 200, lb2: 100, lb3: 120 }", -101],
    ["priority: 100", -1],
    ["priority: { lb1: 254, lb2: 1 }", -253],
    // An owner cannot lose, and so nobody has to win against it.
    ["priority: { lb1: 255, lb2: 100, lb3: 120 }", -21],
  ])("with %s costs %i points, on each node", (priority, points) => {
    const text = file("", priority).replace("lb2:", "lb3: { addresses: [10.0.0.4] }\n  lb2:");
    for (const node of ["lb1", "lb2", "lb3"]) {
      const [first] = planOf(text, { node }).virtualRouters;
      expect(first?.track[0]?.effect).toEqual({ kind: "points", points });
    }
  });

  it("knows the priorities that overrides give to other nodes", () => {
    const overrides = "overrides: { virtualRouters: { web: { priority: 90 } } }";
    const text = file("").replace("[10.0.0.3]", `[10.0.0.3], ${overrides}`);
    const [first] = planOf(text, { node: "lb1" }).virtualRouters;
    expect(first?.track[0]?.effect).toEqual({ kind: "points", points: -61 });
  });

  it("costs everything where the file does not name the others", () => {
    const text = file("").replace(/nodes:[^]*(?=virtualRouters)/, "")
      .replace("vrid: 1", "vrid: 1, interface: eth0");
    const everything = { kind: "points", points: -253 };
    expect(planOf(text).virtualRouters[0]?.track[0]?.effect).toEqual(everything);
    // A Keepalived beside it, say. Nobody but a better router gains by it.
    const alone = file("").replace(/ {2}lb2:.*\n/, "");
    expect(planOf(alone, { node: "lb1" }).virtualRouters[0]?.track[0]?.effect).toEqual(everything);
  });

  it("watches all addresses where no frontend is on the virtual router's own", () => {
    const watched = (listen: string) => {
      const text = file("").replace('"vip:web:80"', listen);
      const [first] = planOf(text, { node: "lb1" }).virtualRouters[0]?.track ?? [];
      return first?.kind === "dataplane" ? first.frontends : [];
    };
    expect(watched('"*:80"')).toEqual(["web", "wild"]);
    expect(watched('"10.0.0.2:80"')).toEqual(["wild"]);
    expect(watched('["10.0.0.2:80", "0.0.0.0:82"]')).toEqual(["web", "wild"]);
    expect(watched('["10.0.0.2:80", "[::]:82"]')).toEqual(["wild"]);
  });

  it("watches nothing where there is nothing, and says so if it was asked to", () => {
    const text = PAIR.replace("vrid: 1", "vrid: 1, track: { dataplane: yield }");
    expect(planOf(PAIR, { node: "lb1" }).virtualRouters[0]?.track).toEqual([]);
    expect(checkAllNodes(PAIR, source()).warnings).toEqual([]);
    expect(planOf(text, { node: "lb1" }).virtualRouters[0]?.track).toEqual([]);
    expect(checkAllNodes(text, source()).warnings[0]?.message).toContain("nothing to watch");
  });
});

describe("members of a sync group", () => {
  it("track what any of them tracks, by the largest gap of all", () => {
    const plan = planOf(group("track: { hold: yield }", "priority: { lb1: 200 }"), { node: "lb2" });
    const expected = [
      {
        kind: "dataplane",
        frontends: ["web", "other"],
        minUsable: 1,
        effect: { kind: "points", points: -101 },
      },
      { kind: "tracker", tracker: "hold", effect: { kind: "yield" } },
    ];
    expect(plan.virtualRouters.map((router) => router.track)).toEqual([expected, expected]);
  });

  it("keep rules apart that differ", () => {
    const plan = planOf(group("track: { dataplane: yield }", ""), { node: "lb1" });
    expect(plan.virtualRouters[1]?.track).toEqual([
      { kind: "dataplane", frontends: ["web"], minUsable: 1, effect: { kind: "yield" } },
      {
        kind: "dataplane",
        frontends: ["other"],
        minUsable: 1,
        effect: { kind: "points", points: -51 },
      },
    ]);
  });

  it("must agree on what a tracker does", () => {
    const text = group("track: { hold: yield }", "track: { hold: -60 }");
    expect(problemsOf(text, { node: "lb1" })).toEqual([
      "virtualRouters.other.track.hold: web makes something else of hold, and both are in one " +
      "sync group, whose members stand together: say the same in both",
    ]);
  });
});

function file(keys: string, more = ""): string {
  const track = keys === "" ? "" : `, track: ${keys}`;
  const router = more === "" ? "" : `, ${more}`;
  return `${PAIR.replace("vrid: 1", `vrid: 1${router}${track}`)}trackers:
  hold: { type: file, path: /etc/hold }
frontends:
  web: { listen: "vip:web:80", backend: web }
  wild: { listen: "*:81", backend: web }
backends: { web: {} }
`;
}

function group(web: string, other: string): string {
  return file("", web).replace(
    "frontends:",
    'frontends:\n  other: { listen: "vip:other:90", ' +
      "backend: web }",
  ).replace(
    "trackers:",
    `  other: { vrid: 2, addresses: [10.0.0.11]${other && `, ${other}`} }\n` +
      "syncGroups: { all: [web, other] }\ntrackers:",
  );
}

function track(keys: string) {
  return planOf(file(keys), { node: "lb1" }).virtualRouters[0]?.track ?? [];
}
