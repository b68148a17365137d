/**
 * The trackers of the file: each is watched once, for all virtual routers that track it. What they
 * do to a virtual router is not decided here.
 */

import type { TrackerPlan } from "../core/plan/plan.ts";
import { type Counted, countResult, type CountRules, UNKNOWN } from "../core/track/counted.ts";
import { monotonicMs } from "../linux/clock.ts";
import { type Tell, watch } from "./watchers.ts";

/** Where a tracker stands. */
export interface TrackerState {
  readonly name: string;
  /** `null` before the first result. */
  readonly good: boolean | null;
  /** Monotonic; `null` before the first result. */
  readonly since: number | null;
  readonly detail: string;
}

/** How trackers find out; tests put their own in its place. */
export type Watch = (plan: TrackerPlan, tell: Tell, signal: AbortSignal) => Promise<void>;

/** All trackers of one plan. */
export class Trackers {
  /** A tracker has become good or bad; not told of its first result. */
  onChange: (state: TrackerState, isFirst: boolean) => void = () => {};
  /** A watcher has failed: its tracker stays as it is. */
  onFault: (name: string, error: unknown) => void = () => {};
  readonly #plans: readonly TrackerPlan[];
  readonly #watch: Watch;
  readonly #counts = new Map<string, Counted>();
  readonly #states = new Map<string, TrackerState>();
  readonly #end = new AbortController();

  constructor(plans: readonly TrackerPlan[], watchWith: Watch = watch) {
    this.#plans = plans;
    this.#watch = watchWith;
    for (const { name } of plans) {
      this.#states.set(name, { name, good: null, since: null, detail: "no result yet" });
    }
  }

  /** Where a tracker stands. */
  state(name: string): TrackerState | undefined {
    return this.#states.get(name);
  }

  /** Whether every tracker has had a result. */
  get isSettled(): boolean {
    return [...this.#states.values()].every(({ good }) => good !== null);
  }

  /** The longest that a first result may take. */
  get longestMs(): number {
    return Math.max(0, ...this.#plans.map((plan) => plan.type === "script" ? plan.timeoutMs : 0));
  }

  /** Starts to watch. */
  start(): void {
    for (const plan of this.#plans) {
      const tell: Tell = (ok, detail) => this.#note(plan, ok, detail);
      this.#watch(plan, tell, this.#end.signal).catch((error) => this.onFault(plan.name, error));
    }
  }

  /** Watches no more; scripts that run are killed. */
  stop(): void {
    this.#end.abort();
  }

  #note(plan: TrackerPlan, ok: boolean, detail: string): void {
    const { name } = plan;
    const before = this.#counts.get(name) ?? UNKNOWN;
    const after = countResult(rulesOf(plan), before, ok);
    this.#counts.set(name, after);
    const changed = after.good !== before.good;
    const since = changed ? monotonicMs() : this.#states.get(name)?.since ?? null;
    // A result that has not convinced yet tells nothing of the state that still holds.
    if (!changed && after.good !== ok) return;
    const state = { name, good: after.good, since, detail };
    this.#states.set(name, state);
    if (changed) this.onChange(state, before.good === null);
  }
}

function rulesOf(plan: TrackerPlan): CountRules {
  return plan.type === "script" ? plan : { rise: 1, fall: 1 };
}
