import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatProblem } from "../../../src/config/problem.ts";
import { Report } from "../../../src/config/report.ts";
import { foundAt, readShape } from "../../../src/config/shape.ts";
import { fromValue, type Value } from "../../../src/config/tree.ts";
import { readYaml } from "../../../src/config/yaml_tree.ts";

describe("readShape", () => {
  it("takes plain numbers as they are written where text is expected", () => {
    const { config, problems } = read("admin: { socketGroup: 0007 }\nbackends: { 01: {} }\n");
    expect(problems).toEqual([]);
    expect(config.admin.socketGroup).toBe("0007");
    expect(Object.keys(config.backends)).toEqual(["01"]);
  });

  it.each([
    ["logs: {}", "1:1: logs: unknown key; did you mean log? allowed: nodes, log, stateDirectory,"],
    ["cluster: {}", "1:1: cluster: not supported yet: leave this key out"],
    ["clutser: {}", "1:1: clutser: unknown key; allowed: nodes, log, stateDirectory, watch"],
    ["backends: { web: { check: { recordType: aaa } } }", "SRV, TXT; did you mean AAAA?"],
    ["backends: { web: { check: { rcode: NXDOMIAN } } }", "did you mean NXDOMAIN?"],
    [
      "log: { level: warning }",
      '1:15: log.level: found "warning"; allowed: debug, info, warn, error',
    ],
    ["log: { level: wran }", "did you mean warn?"],
    ["engine: aio", '1:9: engine: found "aio"; allowed: auto, uring, epoll'],
    ["log:", "1:1: log: found nothing; allowed: a map of level, format, connections"],
    ["backends: { a b: {} }", 'backends.a b: found "a b"; allowed: a name'],
    ["frontends: { web: {} }", "1:14: frontends.web.listen: missing; required: HOST:PORT"],
    ["stopTimeout: 5", "1:14: stopTimeout: found 5; allowed: a duration with its unit"],
    ["stopTimeout: 25d", "up to 24d"],
    ["backends: { web: { check: { status: [200, 99] } } }", "check.status[1]: found 99"],
    ["backends: { web: { servers: { one: { adress: 10.0.0.1 } } } }", "did you mean address?"],
  ])("%s", (text, message) => {
    expect(read(text).problems.join("\n")).toContain(message);
  });

  it("reports one value once, whatever number of rules it breaks", () => {
    expect(read("stopTimeout: never").problems).toHaveLength(1);
  });

  it("keeps the sound parts of a broken file, and does not judge what was broken", () => {
    const { config, report } = read(
      "log: 7\nvirtualRouters: { web: { vrid: 900, addresses: [10.0.0.10], preempt: maybe } }\n",
    );
    expect(config.log).toEqual({ level: "info", format: "text", connections: "none" });
    expect(config.virtualRouters.web).toMatchObject({ addresses: ["10.0.0.10"], preempt: true });
    const before = report.problems.length;
    report.problem(["virtualRouters", "web", "vrid"], "1 is taken");
    expect(report.problems).toHaveLength(before);
  });

  it("answers any value with a configuration, never an exception", () => {
    const key = fc.constantFrom(
      ..."nodes virtualRouters backends frontends admin log web addresses vrid servers check listen"
        .split(" "),
      ..."tokens secret unicast peers status overrides priority workers zzz".split(" "),
      ..."trackers track dataplane syncGroups notify command virtualRoutes".split(" "),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom<Value>(null, true, 0, 300, "none", "10.0.0.1", "2s", ""),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(key, tie("value"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 6 }), (json) => {
        const plain: Value = JSON.parse(JSON.stringify(json));
        readShape(new Report("a.yaml", fromValue(plain, { line: 1, column: 1 })));
      }),
      { numRuns: 300 },
    );
  });
});

describe("foundAt", () => {
  it("shows what was written, shortened, and never a secret", () => {
    const long = "x".repeat(100);
    const { report } = read(`log: { level: ${long} }\nadmin: { tokens: [{ secret: 0123 }] }\n`);
    expect(foundAt(report, ["log", "level"])).toBe(`"${"x".repeat(60)}…"`);
    expect(foundAt(report, ["admin", "tokens", 0, "secret"])).not.toContain("0123");
    const path = ["virtualRouters", "web", "authentication"];
    const other = read("virtualRouters: { web: { authentication: hunter2 } }").report;
    expect(foundAt(other, path)).not.toContain("hunter2");
    expect(foundAt(report, ["admin", "tokens"])).toBe("a list");
    expect(foundAt(report, ["engine"])).toBe("nothing");
  });
});

function read(text: string) {
  const { tree } = readYaml(text, "a.yaml");
  if (!tree) throw new Error("not YAML");
  const report = new Report("a.yaml", tree);
  const config = readShape(report);
  return { config, report, problems: report.problems.map(formatProblem) };
}
