/**
 * A configuration file's text becomes the plan of one node, or a list of everything that is wrong
 * with it. Reads no file and no environment by itself: both are handed in, so it is a pure
 * function.
 */

import type { Plan } from "../core/plan/plan.ts";
import { sha256 } from "./compilation.ts";
import { compile } from "./compile.ts";
import { fillDefaults, type FullConfig } from "./defaults.ts";
import { substitute } from "./environment.ts";
import type { Findings, HostFacts, Locate } from "./host.ts";
import { chooseNode, nodeNames } from "./node.ts";
import { type Path, type Problem, sortProblems } from "./problem.ts";
import { applyProfiles } from "./profile.ts";
import { Report } from "./report.ts";
import { resolvedText } from "./resolved.ts";
import { readShape } from "./shape.ts";
import { merge, nodeAt, type TreeNode } from "./tree.ts";
import { refusedPaths } from "./udp_rules.ts";
import { warnAbout } from "./warnings.ts";
import { readYaml } from "./yaml_tree.ts";

/** Where the text comes from and what it may refer to. */
export interface Source {
  /** Name of the file, for messages. */
  readonly file: string;
  /** The environment: `${NAME}` in values, and LINTEL_NODE. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads `file:/path` secrets and files of authorities; throws what the message shall say. */
  readonly readFile: (path: string) => string;
  /** What chooses the node when nobody names it; `null` when nothing of the host shall matter. */
  readonly host: HostFacts | null;
  /** `--node`. */
  readonly node?: string | undefined;
}

/** A file that can run on one node. */
export interface Loaded {
  readonly plan: Plan;
  readonly warnings: readonly Problem[];
  /** For problems that are found later, such as those of the host. */
  readonly locate: Locate;
}

/** A file that cannot: at least one problem. */
export interface Refused {
  readonly plan: null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Loads the file for the node that `source` leads to. */
export function loadConfig(text: string, source: Source): Loaded | Refused {
  const outcome = loadOne(text, source);
  if ("problems" in outcome) return { plan: null, problems: outcome.problems, warnings: [] };
  const { plan, report } = outcome;
  return {
    plan,
    warnings: sortProblems(report.warnings),
    locate: (path, message) => report.locate(path, message),
  };
}

/** Loads the file for every node in turn; what only some nodes meet names them. */
export function checkAllNodes(text: string, source: Source): Findings {
  const { tree, problems, unusable } = readYaml(text, source.file);
  if (!tree) return { problems: sortProblems(problems), warnings: [] };
  const nodes = loadNodes({ tree, unusable, source, hash: sha256(text) });
  const found = nodes.map(({ node, report }) => ({ node, problems: report.problems }));
  const warned = nodes.map(({ node, report }) => ({ node, problems: report.warnings }));
  return {
    problems: sortProblems([...problems, ...common(found)]),
    warnings: sortProblems(common(warned)),
  };
}

/** A file with every default filled in, as YAML. */
export interface Resolved {
  readonly node: string;
  readonly text: string;
}

/** The file for one node as YAML with every default filled in. */
export function resolvedConfig(text: string, source: Source): Resolved | Refused {
  const outcome = loadOne(text, source);
  if ("problems" in outcome) return { plan: null, problems: outcome.problems, warnings: [] };
  const { node, config, plan, report } = outcome;
  return { node, text: resolvedText(config, report.tree, refusedPaths(plan.frontends)) };
}

/** What became of a file for one node. */
interface NodeResult {
  readonly node: string;
  readonly config: FullConfig;
  readonly plan: Plan;
  readonly report: Report;
}

function loadOne(text: string, source: Source): NodeResult | { problems: Problem[] } {
  const { tree, problems, unusable } = readYaml(text, source.file);
  if (!tree) return { problems: sortProblems(problems) };
  const environment = source.env.LINTEL_NODE;
  const named = substitute(tree, source.env, () => {});
  const choice = chooseNode(named, { asked: source.node, environment, host: source.host });
  if ("problem" in choice) {
    // Which node it is does not keep the rest from being judged.
    const place = new Report(source.file, tree).locate(["nodes"], choice.problem);
    const others = checkAllNodes(text, source).problems;
    return { problems: sortProblems([place, ...others]) };
  }
  const result = loadNodes({ tree, unusable, source, hash: sha256(text) }, choice.name)
    .find(({ node }) => node === choice.name);
  if (!result) throw new Error(`node ${choice.name} was chosen but not loaded`);
  const all = sortProblems([...problems, ...result.report.problems]);
  return all.length > 0 ? { problems: all } : result;
}

/** A file whose YAML has been read. */
interface ReadFile {
  readonly tree: TreeNode;
  readonly unusable: readonly Path[];
  readonly source: Source;
  readonly hash: string;
}

/** Compiles every node, as what one does depends on the others, and so do its warnings. */
function loadNodes(file: ReadFile, single?: string): NodeResult[] {
  const { tree, source } = file;
  const names = nodeNames(tree);
  const alone = single ?? source.node ?? source.host?.hostname ?? "localhost";
  const read = (names.length > 0 ? names : [alone]).map((node) => readNode(file, node));
  const configs = new Map(read.map(({ node, config }) => [node, config]));
  const results = read.map(({ node, config, report }): NodeResult => {
    const { readFile } = source;
    const plan = compile({ config, configs, report, node, readFile, hash: file.hash });
    return { node, config, plan, report };
  });
  const sound = results.filter(({ report }) => report.problems.length === 0);
  const plans = sound.map(({ plan }) => plan);
  for (const { plan, report } of sound) warnAbout(plan, plans, report);
  return results;
}

/** The file as one node sees it. */
function readNode(
  { tree, unusable, source }: ReadFile,
  node: string,
): Pick<NodeResult, "node" | "config" | "report"> {
  const unset: [path: Path, message: string][] = [];
  const fill = (part: TreeNode) =>
    substitute(part, source.env, (path, message) => unset.push([path, message]));
  const overrides = nodeAt(tree, ["nodes", node, "overrides"]);
  const merged = overrides?.kind === "map" ? merge(fill(tree), fill(overrides)) : fill(tree);
  const report = new Report(source.file, applyProfiles(merged));
  if (overrides && nodeAt(overrides, ["nodes"])) {
    report.keyProblem(
      ["nodes", node, "overrides", "nodes"],
      "overrides cannot change nodes: they are the same everywhere",
    );
  }
  for (const [path, message] of unset) report.problem(path, message);
  for (const path of [...unusable, ...unset.map(([path]) => path)]) report.break(path);
  return { node, config: fillDefaults(readShape(report)), report };
}

/** What every node meets, once; what only some meet, with their names. */
function common(
  found: readonly { readonly node: string; readonly problems: readonly Problem[] }[],
): Problem[] {
  const nodesOf = new Map<string, { problem: Problem; nodes: string[] }>();
  for (const { node, problems } of found) {
    for (const problem of problems) {
      const key = JSON.stringify(problem);
      const entry = nodesOf.get(key) ?? { problem, nodes: [] };
      if (!entry.nodes.includes(node)) entry.nodes.push(node);
      nodesOf.set(key, entry);
    }
  }
  return [...nodesOf.values()].map(({ problem, nodes }) => {
    if (nodes.length === found.length) return problem;
    return { ...problem, message: `${problem.message} (on ${nodes.join(", ")})` };
  });
}
