/**
 * What the appliance's trackers make of each virtual router, kept up to date and told to whoever
 * carries it out. Interfaces are the speaker's own to judge: they are only shown here.
 */

import type { Tracker } from "../admin/model.ts";
import type { TrackEffect, TrackerPlan, TrackPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import {
  combine,
  sameStanding,
  type Standing,
  type Tracked,
  UNMOVED,
} from "../core/track/combine.ts";
import { type DataplaneFacts, judgeDataplane } from "../core/track/dataplane.ts";
import { settle, type Steady, UNSETTLED } from "../core/track/steady.ts";
import { monotonicMs } from "../linux/clock.ts";
import { wallTime } from "./time.ts";
import type { Trackers } from "./trackers.ts";

/** What is tracked, and by whom. */
export interface Tracks {
  readonly virtualRouters: readonly VirtualRouterPlan[];
  readonly trackers: readonly TrackerPlan[];
}

/** What tracking works on. */
export interface TrackingParts {
  readonly plan: Tracks;
  readonly trackers: Pick<Trackers, "state">;
  /** What is known of the data plane behind these frontends. */
  readonly dataplane: (frontends: readonly string[]) => DataplaneFacts;
  /** Told of each standing that differs from the one before. */
  readonly post: (router: string, standing: Standing) => void;
  /** Told when the data plane has become good or bad for a virtual router. */
  readonly judged: (router: string, good: boolean, detail: string) => void;
}

/** The tracking of all virtual routers. */
export class Tracking {
  readonly #parts: TrackingParts;
  #plan: Tracks;
  #interfaces: ReadonlySet<string> = new Set();
  readonly #steady = new Map<string, Steady>();
  /** By virtual router: what it tracks, as it stood at the last look. */
  readonly #seen = new Map<string, readonly Seen[]>();
  #isStarted = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: TrackingParts) {
    this.#parts = parts;
    this.#plan = parts.plan;
    this.change(parts.plan);
  }

  /** Goes by another plan: looks at it at once, if it looks at all yet. */
  change(plan: Tracks): void {
    this.#plan = plan;
    const { virtualRouters, trackers } = plan;
    const interfaces = trackers.filter(({ type }) => type === "interface");
    this.#interfaces = new Set(interfaces.map(({ name }) => name));
    const names = new Set(virtualRouters.map(({ name }) => name));
    for (const name of [...this.#seen.keys()].filter((one) => !names.has(one))) {
      this.#seen.delete(name);
      this.#steady.delete(name);
    }
    for (const { name, track } of virtualRouters) {
      if (!this.#seen.has(name)) this.#seen.set(name, track.map(unseen));
    }
    if (this.#isStarted) this.start();
  }

  /** Begins to look, now and all the time. */
  start(): void {
    this.#isStarted = true;
    this.refresh();
    if (this.#plan.virtualRouters.every(({ track }) => track.length === 0)) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#timer ??= setInterval(() => this.refresh(), LOOK_MS);
  }

  /** Something has changed: looks in some milliseconds, once for all that changes meanwhile. */
  soon(): void {
    if (this.#timer === undefined || this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.refresh();
    }, SOON_MS);
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#timer = this.#soon = undefined;
    this.#isStarted = false;
  }

  /** Looks at everything once. */
  refresh(now = monotonicMs()): void {
    for (const plan of this.#plan.virtualRouters) {
      const tracked = this.#look(plan, now);
      const ours = tracked.filter(({ name }) => !this.#interfaces.has(name));
      const before = this.#steady.get(plan.name) ?? UNSETTLED;
      const { steady } = settle(before, now, combine(ours));
      this.#steady.set(plan.name, steady);
      if (!sameStanding(before.standing, steady.standing)) {
        this.#parts.post(plan.name, steady.standing);
      }
    }
  }

  /** What the virtual router goes by now. */
  standing(router: string): Standing {
    return this.#steady.get(router)?.standing ?? UNMOVED;
  }

  /** What a virtual router tracks, as it is shown. */
  show(router: string): Tracker[] {
    return (this.#seen.get(router) ?? []).map(({ name, good, effect, detail, since }) => ({
      name,
      good,
      effect: effect.kind === "yield" ? "yield" : effect.points,
      since: since === null ? null : wallTime(since),
      detail,
    }));
  }

  #look(plan: VirtualRouterPlan, now: number): readonly Seen[] {
    const before = this.#seen.get(plan.name);
    const seen = plan.track.map((one) => {
      // Nothing good is believed of a tracker before its first result.
      if (one.kind === "tracker") return this.#tracker(one.tracker, one.effect);
      const last = before?.find(({ name }) => name === DATAPLANE);
      const verdict = judgeDataplane(one, this.#parts.dataplane(one.frontends));
      if (last?.good === verdict.good && last.since !== null) {
        return { ...last, ...verdict };
      }
      if (last?.since !== null || !verdict.good) {
        this.#parts.judged(plan.name, verdict.good, verdict.detail);
      }
      return { name: DATAPLANE, ...verdict, since: now };
    });
    this.#seen.set(plan.name, seen);
    return seen;
  }

  #tracker(name: string, effect: TrackEffect): Seen {
    const { good, detail, since } = this.#parts.trackers.state(name) ?? NO_SUCH_TRACKER;
    return { name, good: good === true, effect, detail, since };
  }
}

/** Something tracked, and since when it has been so: monotonic. */
interface Seen extends Tracked {
  readonly since: number | null;
}

function unseen(track: TrackPlan): Seen {
  const name = track.kind === "tracker" ? track.tracker : DATAPLANE;
  return { name, good: false, effect: track.effect, detail: "not looked at yet", since: null };
}

/** The name of the built-in tracker. */
export const DATAPLANE = "dataplane";

const NO_SUCH_TRACKER = { good: null, detail: "there is no such tracker", since: null };

/** For what nobody tells of: silence, and the time that something better has to wait. */
const LOOK_MS = 200;
const SOON_MS = 10;
