import { describe, expect, it } from "vitest";
import { substitute } from "../../../src/config/environment.ts";
import { formatPath } from "../../../src/config/problem.ts";
import { nodeAt, toValue } from "../../../src/config/tree.ts";
import { readYaml } from "../../../src/config/yaml_tree.ts";

describe("substitute", () => {
  it("replaces variables in every value", () => {
    const { value } = run('a: ["${HOST}:${PORT}", {b: x}]\nc: plain\n', { HOST: "h", PORT: "1" });
    expect(value).toEqual({ a: ["h:1", { b: "x" }], c: "plain" });
  });

  it("reads the result as if it were written without quotes", () => {
    const { value } = run('a: "${N}"\nb: ${B}\nc: ${T}\n', { N: "12", B: "true", T: "x" });
    expect(value).toEqual({ a: 12, b: true, c: "x" });
  });

  it("keeps leading zeros for where text is expected, and what a message may show", () => {
    const { tree } = run("a: ${PIN}\n", { PIN: "0123" });
    expect(nodeAt(tree, ["a"])).toMatchObject({ written: "0123", shown: "${PIN}" });
  });

  it("reports what is not set, by name and place", () => {
    const { problems } = run("a: [x, '${NO}${NEITHER}']\nb: ${}\n", {});
    expect(problems).toEqual([
      "a[1]: the environment variable in ${NO} is not set: set NO, or write the value",
      "a[1]: the environment variable in ${NEITHER} is not set: set NEITHER, or write the value",
      "b: found ${}; allowed: ${NAME}, with a name of letters, digits and _",
    ]);
  });

  it("leaves the overrides of nodes alone: they are another node's affair", () => {
    const { value, problems } = run("nodes: {a: {overrides: {b: '${NO}'}}}\n", {});
    expect(problems).toEqual([]);
    expect(value).toEqual({ nodes: { a: { overrides: { b: "${NO}" } } } });
  });

  it("does not replace again in what a variable holds", () => {
    expect(run("a: ${X}\n", { X: "${Y}", Y: "no" }).value).toEqual({ a: "${Y}" });
  });
});

function run(text: string, env: Record<string, string>) {
  const read = readYaml(text, "a.yaml").tree;
  if (!read) throw new Error("not YAML");
  const problems: string[] = [];
  const tree = substitute(read, env, (path, message) => {
    problems.push(`${formatPath(path)}: ${message}`);
  });
  return { tree, value: toValue(tree), problems };
}
