/**
 * A configuration file's text becomes the plan of one node, or a list of everything that is wrong
 * with it. Reads no file and no environment by itself: both are handed in, so it is a pure function.
 */

import type { Plan } from "../core/plan/plan.ts";
import type { Findings, HostFacts, Locate } from "./host.ts";
import type { Problem } from "./problem.ts";

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
export function loadConfig(_text: string, source: Source): Loaded | Refused {
  const message = "the loader is not finished";
  const problem = { file: source.file, line: 1, column: 1, path: "", message };
  return { plan: null, problems: [problem], warnings: [] };
}

/** Loads the file for every node in turn; what only some nodes meet names them. */
export function checkAllNodes(text: string, source: Source): Findings {
  const loaded = loadConfig(text, source);
  return { problems: loaded.plan ? [] : loaded.problems, warnings: loaded.warnings };
}

/** The file for one node as YAML with every default filled in. */
export function resolvedConfig(_text: string, _source: Source): { text: string } | Refused {
  return { text: "" };
}
