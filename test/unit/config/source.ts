/**
 * What the tests of this folder load files with.
 */

import type { HostFacts } from "../../../src/config/host.ts";
import { loadConfig, type Source } from "../../../src/config/load.ts";
import { formatProblem } from "../../../src/config/problem.ts";
import type { Plan } from "../../../src/core/plan/plan.ts";

/** A source without host, environment or files. */
export function source(change: Partial<Source> = {}): Source {
  return {
    file: "a.yaml",
    env: {},
    host: null,
    readFile: (path) => {
      throw new Error(`no such file: ${path}`);
    },
    ...change,
  };
}

/** The plan of a file, which must load. */
export function planOf(text: string, change: Partial<Source> = {}): Plan {
  const loaded = loadConfig(text, source(change));
  if (loaded.plan) return loaded.plan;
  throw new Error(loaded.problems.map(formatProblem).join("\n"));
}

/** The problems of a file: `path: message`. */
export function problemsOf(text: string, change: Partial<Source> = {}): string[] {
  const loaded = loadConfig(text, source(change));
  return loaded.plan ? [] : loaded.problems.map(({ path, message }) => `${path}: ${message}`);
}

/** A host with one interface. */
export function hostFacts(change: Partial<HostFacts> = {}): HostFacts {
  return {
    hostname: "lb9.example.com",
    shortHostname: "lb9",
    interfaces: ["lo", "eth0"],
    addresses: [{ interface: "eth0", address: "10.0.0.2", prefixLength: 24, ours: false }],
    cpus: 2,
    whyNotRunnable: () => null,
    ...change,
  };
}

/** Two nodes and one virtual router. */
export const PAIR = `
nodes:
  lb1: { addresses: [10.0.0.2], priority: 150 }
  lb2: { addresses: [10.0.0.3] }
virtualRouters:
  web: { vrid: 1, addresses: [10.0.0.10] }
`;
