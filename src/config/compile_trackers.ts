/**
 * Compiles `trackers`: what is watched, whoever makes something of it.
 */

import type { TrackerPlan } from "../core/plan/plan.ts";
import type { Compilation } from "./compilation.ts";
import type { FullTracker } from "./defaults.ts";
import { milliseconds } from "./duration.ts";
import type { Path } from "./problem.ts";

/** Compiles every tracker. */
export function compileTrackers(compilation: Compilation): TrackerPlan[] {
  const { config: { trackers, virtualRouters }, report } = compilation;
  const isTracked = (name: string) =>
    Object.keys(virtualRouters).some((router) =>
      report.given(["virtualRouters", router, "track", name])
    );
  return Object.entries(trackers).flatMap(([name, tracker]) => {
    const path = ["trackers", name];
    if (name === DATAPLANE) {
      const text = "dataplane is built in, and every virtual router tracks it: name this otherwise";
      report.keyProblem(path, text);
    } else if (!isTracked(name)) {
      report.warn(
        path,
        "no virtual router tracks it: name it in a track, or remove it",
      );
    }
    return compileTracker(compilation, path, name, tracker) ?? [];
  });
}

function compileTracker(
  compilation: Compilation,
  path: Path,
  name: string,
  tracker: FullTracker,
): TrackerPlan | undefined {
  const { type } = tracker;
  refuseForeignKeys(compilation, path, type);
  if (type === "interface" && tracker.interface !== undefined) {
    return {
      type,
      name,
      interface: tracker.interface,
      downDelayMs: milliseconds(tracker.downDelay),
      upDelayMs: milliseconds(tracker.upDelay),
    };
  }
  if (type === "script" && tracker.command !== undefined) {
    return {
      type,
      name,
      command: tracker.command,
      intervalMs: milliseconds(tracker.interval),
      timeoutMs: milliseconds(tracker.timeout),
      rise: tracker.rise,
      fall: tracker.fall,
    };
  }
  if (type === "file" && tracker.path !== undefined) return { type, name, path: tracker.path };
  const key = REQUIRED[type];
  compilation.report.problem(path, `missing the key ${key}: it says what is watched`, [
    [...path, key],
    [...path, "type"],
  ]);
  return undefined;
}

function refuseForeignKeys(
  { report }: Compilation,
  path: Path,
  type: FullTracker["type"],
): void {
  for (const [key, owner] of KEYS_OF_TYPES) {
    if (owner === type || !report.given([...path, key])) continue;
    report.problem(
      [...path, key],
      `${key} is a key of ${owner} trackers, and this one is ${type}: leave it out, or set type`,
      [[...path, "type"]],
    );
  }
}

/** The tracker that needs no entry. */
const DATAPLANE = "dataplane";

const REQUIRED = { interface: "interface", script: "command", file: "path" } as const;

const KEYS_OF_TYPES: readonly (readonly [key: string, type: FullTracker["type"]])[] = [
  ["interface", "interface"],
  ["downDelay", "interface"],
  ["upDelay", "interface"],
  ["command", "script"],
  ["interval", "script"],
  ["timeout", "script"],
  ["rise", "script"],
  ["fall", "script"],
  ["path", "file"],
];
