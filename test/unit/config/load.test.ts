import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { checkAllNodes, loadConfig, resolvedConfig } from "../../../src/config/load.ts";
import { formatProblem } from "../../../src/config/problem.ts";
import { hostFacts, PAIR, planOf, problemsOf, source } from "./source.ts";

describe("loadConfig", () => {
  it("loads the file for the node that this host is", () => {
    expect(planOf(PAIR, { host: hostFacts() }).node).toBe("lb1");
    expect(planOf(PAIR, { host: hostFacts(), env: { LINTEL_NODE: "lb2" } }).node).toBe("lb2");
    expect(planOf(PAIR, { env: { LINTEL_NODE: "lb2" }, node: "lb1" }).node).toBe("lb1");
  });

  it("names the candidates, and all other problems with them", () => {
    expect(problemsOf(`${PAIR}log: { level: x }\n`)).toEqual([
      "nodes: which node is this? name it with --node or LINTEL_NODE: lb1, lb2",
      'log.level: found "x"; allowed: debug, info, warn, error',
    ]);
  });

  it("merges the node's overrides, whose problems stand where they are written", () => {
    const overrides = "overrides: { log: { level: debug }, stopTimeout: null, workers: 0 }";
    const text = `${PAIR.replace("[10.0.0.3]", `[10.0.0.3], ${overrides}`)}stopTimeout: 1s\n`;
    expect(planOf(text, { node: "lb1" })).toMatchObject({ stopTimeoutMs: 1000, workers: null });
    const { plan, ...refused } = loadConfig(text, source({ node: "lb2" }));
    expect(plan).toBeNull();
    expect("problems" in refused && refused.problems.map(formatProblem)).toEqual([
      "a.yaml:4:97: workers: found 0; allowed: auto, or a whole number from 1 to 256",
    ]);
    const fixed = text.replace("workers: 0", "workers: 2");
    expect(planOf(fixed, { node: "lb2" })).toMatchObject({
      log: { level: "debug" },
      stopTimeoutMs: 30_000,
      workers: 2,
    });
  });

  it("does not ask for the variables and secrets of another node", () => {
    const overrides = 'overrides: { log: { level: "${ONLY_THERE}" } }';
    const text = PAIR.replace("[10.0.0.3]", `[10.0.0.3], ${overrides}`);
    expect(planOf(text, { node: "lb1" }).log.level).toBe("info");
    expect(problemsOf(text, { node: "lb2" })[0]).toContain("ONLY_THERE");
  });

  it("can place problems that are found later", () => {
    const loaded = loadConfig(PAIR, source({ node: "lb1" }));
    if (!loaded.plan) throw new Error("does not load");
    expect(formatProblem(loaded.locate(["virtualRouters", "web", "vrid"], "taken"))).toBe(
      "a.yaml:6:16: virtualRouters.web.vrid: taken",
    );
  });
});

describe("checkAllNodes", () => {
  it("names the nodes that meet a problem, where not all do", () => {
    const overrides = "overrides: { workers: 0 }";
    const text = `${PAIR.replace("[10.0.0.3]", `[10.0.0.3], ${overrides}`)}engine: x\n`;
    expect(checkAllNodes(text, source()).problems.map(({ message }) => message)).toEqual([
      "found 0; allowed: auto, or a whole number from 1 to 256 (on lb2)",
      'found "x"; allowed: auto, uring, epoll',
    ]);
  });

  it("answers any file with plans or problems, never an exception", () => {
    const word = fc.constantFrom(
      ..."nodes virtualRouters frontends backends web lb1 addresses vrid version priority unicast"
        .split(" "),
      ..."peers source listen backend servers check type ca status port address weight".split(" "),
      ..."keepalive idle interval admin tokens probes overrides profile deadman".split(" "),
      ..."excludedAddresses virtualRoutes to via virtualRules from table preempt".split(" "),
      ..."preemptDelay authentication password track dataplane frontends effect".split(" "),
      ..."announce refresh notify command virtualMac interface".split(" "),
    );
    const leaf = fc.constantFrom(
      ...["10.0.0.1", "fd00::1", "10.0.0.1:80", "*:80", "vip:web:80", "web", "lb1", "2s", "none"],
      ...["https", "kube-apiserver", "auto", "${X}", 1, 2, 255, 300, true, null],
      ...["yield", -20, false, "file", "script", "default", "/bin/true", "10.1.0.0/16"],
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "medium" },
        leaf,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(word, tie("value"), { maxKeys: 5 }),
      ),
    }));
    const config = fc.record({
      nodes: value,
      virtualRouters: fc.dictionary(word, value, { maxKeys: 2 }),
      frontends: fc.dictionary(word, value, { maxKeys: 2 }),
      backends: fc.dictionary(word, value, { maxKeys: 2 }),
      admin: value,
      trackers: fc.dictionary(word, value, { maxKeys: 2 }),
      syncGroups: fc.dictionary(word, value, { maxKeys: 2 }),
    }, { requiredKeys: [] });
    fc.assert(
      fc.property(config, (words) => {
        const { problems } = checkAllNodes(stringify(words), source());
        expect(problems.every(({ line, column }) => line > 0 && column > 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("needs neither host nor node", () => {
    expect(checkAllNodes(PAIR, source())).toEqual({ problems: [], warnings: [] });
  });
});

describe("resolvedConfig", () => {
  it("is a file that gives the same plan", () => {
    const resolved = resolvedConfig(PAIR, source({ node: "lb2" }));
    if (!("text" in resolved)) throw new Error("does not load");
    const again = planOf(resolved.text, { node: "lb2" });
    expect({ ...again, hash: "" }).toEqual({ ...planOf(PAIR, { node: "lb2" }), hash: "" });
  });

  it("lists problems instead for a broken file", () => {
    expect(resolvedConfig("engine: x", source())).toMatchObject({ plan: null });
  });
});
