/**
 * The trackers of the file: each is watched once, for all virtual routers that track it. What they
 * do to a virtual router is not decided here.
 */

import type { TrackerPlan } from "../core/plan/plan.ts";
import { type Counted, countResult, type CountRules, UNKNOWN } from "../core/track/counted.ts";
import { isSame } from "../core/plan/same.ts";
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
  #plans: readonly TrackerPlan[] = [];
  readonly #watch: Watch;
  readonly #counts = new Map<string, Counted>();
  readonly #states = new Map<string, TrackerState>();
  readonly #watched = new Map<string, AbortController>();
  #isStarted = false;

  constructor(plans: readonly TrackerPlan[], watchWith: Watch = watch) {
    this.#watch = watchWith;
    this.change(plans);
  }

  /**
   * Goes by other plans. What is the same in both goes on undisturbed; what is other begins anew,
   * and what was known of it counts until its first result.
   */
  change(plans: readonly TrackerPlan[]): void {
    const before = this.#plans;
    this.#plans = plans;
    for (const plan of before) {
      const next = plans.find(({ name }) => name === plan.name);
      if (isSame(next, plan)) continue;
      this.#watched.get(plan.name)?.abort();
      this.#watched.delete(plan.name);
      this.#counts.delete(plan.name);
      if (!next) this.#states.delete(plan.name);
    }
    for (const { name } of plans) {
      if (this.#states.has(name)) continue;
      this.#states.set(name, { name, good: null, since: null, detail: "no result yet" });
    }
    if (this.#isStarted) this.start();
  }

  /** Where a tracker stands. */
  state(name: string): TrackerState | undefined {
    return this.#states.get(name);
  }

  /** Whether every tracker has had a result. */
  get isSettled(): boolean {
    return this.unsettled.length === 0;
  }

  /** Those that have had no result yet. */
  get unsettled(): readonly string[] {
    return [...this.#states.values()].flatMap(({ name, good }) => good === null ? [name] : []);
  }

  /** The longest that a first result may take. */
  get longestMs(): number {
    return Math.max(0, ...this.#plans.map((plan) => plan.type === "script" ? plan.timeoutMs : 0));
  }

  /** Starts to watch. */
  start(): void {
    this.#isStarted = true;
    for (const plan of this.#plans) {
      if (this.#watched.has(plan.name)) continue;
      const end = new AbortController();
      this.#watched.set(plan.name, end);
      const tell: Tell = (ok, detail) => {
        if (!end.signal.aborted) this.#note(plan, ok, detail);
      };
      this.#watch(plan, tell, end.signal).catch((error) => this.onFault(plan.name, error));
    }
  }

  /** Watches no more; scripts that run are killed. */
  stop(): void {
    for (const end of this.#watched.values()) end.abort();
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
