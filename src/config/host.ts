/**
 * What only the host can tell about a plan: whether its interfaces and addresses are here. The facts
 * are handed in; this module asks the kernel nothing. Free ports are the caller's to probe.
 */

import type { Plan } from "../core/plan/plan.ts";
import type { Path, Problem } from "./problem.ts";

/** What the configuration may know of the machine. */
export interface HostFacts {
  /** Fully qualified where the host has such a name. */
  readonly hostname: string;
  /** The first label of `hostname`. */
  readonly shortHostname: string;
  /** Names of all interfaces, also of those without an address. */
  readonly interfaces: readonly string[];
  readonly addresses: readonly HostAddress[];
  readonly cpus: number;
}

/** An address that an interface of this host carries. */
export interface HostAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  /** Whether lintel put it there: it has our IFA_PROTO mark. */
  readonly ours: boolean;
}

/** Makes a problem at the place that a path has in the file. */
export type Locate = (path: Path, message: string) => Problem;

/** Problems and warnings, each in the order of the file. */
export interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Compares a plan with the host it is to run on. */
export function hostProblems(_plan: Plan, _facts: HostFacts, _locate: Locate): Findings {
  return { problems: [], warnings: [] };
}
