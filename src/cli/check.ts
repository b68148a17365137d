/**
 * `lintel check`: everything that is wrong with a file, at once. It changes nothing anywhere.
 */

import type { HostFacts } from "../config/host.ts";
import { hostProblems } from "../config/host.ts";
import {
  checkAllNodes,
  loadConfig,
  type Resolved,
  resolvedConfig,
  type Source,
} from "../config/load.ts";
import { nodeNames } from "../config/node.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import { readYaml } from "../config/yaml_tree.ts";
import type { Plan } from "../core/plan/plan.ts";
import { AdminClient } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { notHeld, type RefusedListener } from "./held_ports.ts";
import type { Terminal } from "./terminal.ts";

/** What `lintel check` was given. */
export interface CheckOptions {
  readonly config: string;
  readonly node?: string;
  readonly offline?: boolean;
  readonly resolved?: boolean;
  readonly json?: boolean;
}

/** What of the host a check looks at. */
export interface Host {
  readonly hostFacts: () => HostFacts;
  /** The plan's listeners that this host refuses, also those of the admin API. */
  readonly refusedListeners: (plan: Plan) => readonly RefusedListener[];
}

/** Checks the file for every node, or for the one that is named. */
export async function check(
  options: CheckOptions,
  terminal: Terminal,
  { hostFacts, refusedListeners }: Host,
): Promise<number> {
  const { config: file, node } = options;
  const text = readConfiguration(file);
  const host = options.offline ? null : hostFacts();
  const source: Source = {
    file,
    env: Deno.env.toObject(),
    readFile: Deno.readTextFileSync,
    host,
    node,
  };
  const verdict = judge(text, source);
  const refused = verdict.here ? await notOurs(verdict.here, refusedListeners) : [];
  const missing = refused.map(({ message }) => message);
  const exitCode = verdict.problems.length > 0
    ? EXIT.invalidConfiguration
    : missing.length > 0
    ? EXIT.hostLacks
    : EXIT.done;
  if (options.json) {
    const { problems, warnings, plans } = verdict;
    const nodes = plans.map((plan) => ({ node: plan.node, ...countsOf(plan) }));
    const isAsked = options.resolved && problems.length === 0;
    const texts = isAsked ? resolve(text, source, plans).map(({ node, text }) => [node, text]) : [];
    const resolved = isAsked && { resolved: Object.fromEntries(texts) };
    const answer = { file, problems, missing, warnings, nodes, ...resolved };
    terminal.out(JSON.stringify(answer, null, 2) + "\n");
    return exitCode;
  }
  const warnings = verdict.warnings.map((one) => ({ ...one, message: `warning: ${one.message}` }));
  for (const one of [...warnings, ...verdict.problems]) terminal.err(`${formatProblem(one)}\n`);
  for (const message of missing) terminal.err(`${message}\n`);
  if (exitCode !== EXIT.done) return exitCode;
  if (verdict.notice) terminal.err(`${verdict.notice}\n`);
  terminal.out(
    options.resolved
      ? documents(resolve(text, source, verdict.plans))
      : verdict.plans.map(summary).join(""),
  );
  return EXIT.done;
}

async function notOurs(
  plan: Plan,
  refusedListeners: Host["refusedListeners"],
): Promise<readonly RefusedListener[]> {
  using client = new AdminClient({ address: `unix:${plan.admin.socket}`, token: undefined });
  return await notHeld(refusedListeners(plan), client);
}

/** The file's text. @throws {Failure} */
export function readConfiguration(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Failure(
      EXIT.invalidConfiguration,
      `${file}: ${cause} (-c or LINTEL_CONFIG names another file)`,
    );
  }
}

/** All that is wrong; and, where nothing is, what each node would run. */
interface Verdict {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly plans: readonly Plan[];
  /** What this host would run, if it is one of the nodes and may be looked at. */
  readonly here?: Plan;
  /** What was not checked, and why. */
  readonly notice?: string;
}

function judge(text: string, source: Source): Verdict {
  if (source.node !== undefined) return judgeNode(text, source);
  const found = checkAllNodes(text, source);
  if (found.problems.length > 0) return { ...found, plans: [] };
  const { tree } = readYaml(text, source.file);
  const names = tree ? nodeNames(tree) : [];
  if (names.length === 0) return judgeNode(text, source);
  const plans = names.flatMap((node) => loadConfig(text, { ...source, node }).plan ?? []);
  if (!source.host) return { ...found, plans };
  const here = loadConfig(text, source);
  if (!here.plan) {
    const notice = `this host is none of ${
      names.join(", ")
    }: what only a host can tell is unchecked`;
    return { ...found, plans, notice };
  }
  const onHost = hostProblems(here.plan, source.host, here.locate);
  return {
    problems: onHost.problems,
    warnings: [...found.warnings, ...onHost.warnings],
    plans,
    here: here.plan,
  };
}

/**
 * One node. What only the host can tell is looked at where this host is that node: a file without
 * `nodes` is for the host it stands on.
 */
function judgeNode(text: string, source: Source): Verdict {
  const loaded = loadConfig(text, source);
  if (!loaded.plan) return { ...loaded, plans: [] };
  const { plan, warnings, locate } = loaded;
  const here = source.host && loadConfig(text, { ...source, node: undefined }).plan?.node;
  if (!source.host || here !== plan.node) return { problems: [], warnings, plans: [plan] };
  const onHost = hostProblems(plan, source.host, locate);
  return {
    problems: onHost.problems,
    warnings: [...warnings, ...onHost.warnings],
    plans: [plan],
    here: plan,
  };
}

/** The file as this node has it; as each has it where nothing says which of them this is. */
function resolve(text: string, source: Source, plans: readonly Plan[]): Resolved[] {
  const here = resolvedConfig(text, source);
  if ("text" in here) return [here];
  const isTold = source.node !== undefined || source.env.LINTEL_NODE;
  const all = isTold ? [here] : plans.map(({ node }) => resolvedConfig(text, { ...source, node }));
  return all.map((one) => {
    if ("text" in one) return one;
    throw new Failure(EXIT.invalidConfiguration, one.problems.map(formatProblem).join("\n"));
  });
}

/** One file, or one YAML document for each node. */
function documents(resolved: readonly Resolved[]): string {
  const [only, ...others] = resolved;
  if (only && others.length === 0) return only.text;
  return resolved.map(({ node, text }) => `---\n# node: ${node}\n${text}`).join("");
}

function summary(plan: Plan): string {
  const { virtualRouters, frontends, backends, servers } = countsOf(plan);
  const parts = [
    plural(virtualRouters, "virtual router"),
    plural(frontends, "frontend"),
    plural(backends, "backend"),
    plural(servers, "server"),
  ];
  return `${plan.node}: ok, ${parts.join(", ")}\n`;
}

function countsOf({ virtualRouters, frontends, backends }: Plan) {
  return {
    virtualRouters: virtualRouters.length,
    frontends: frontends.length,
    backends: backends.length,
    servers: backends.reduce((sum, { servers }) => sum + servers.length, 0),
  };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
