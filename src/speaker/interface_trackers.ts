/**
 * Interfaces that virtual routers track: good while they are up and have carrier, with the delays
 * the file asks for. Reads what the kernel has listed; what follows from it is for others.
 */

import type { TrackerPlan, TrackPlan } from "../core/plan/plan.ts";
import { isSame } from "../core/plan/same.ts";
import type { Tracked } from "../core/track/combine.ts";
import { IFF_RUNNING, IFF_UP, type Link } from "../core/wire/rtnetlink.ts";

/** All trackers of interfaces. */
export class InterfaceTrackers {
  #trackers: readonly Watched[] = [];

  /** Trackers of other types are somebody else's. */
  constructor(plans: readonly TrackerPlan[]) {
    this.change(plans);
  }

  /** Goes by other plans: what is the same in both stands where it stands. */
  change(plans: readonly TrackerPlan[]): void {
    const before = this.#trackers;
    this.#trackers = plans.filter((plan) => plan.type === "interface").map((plan) =>
      before.find((one) => isSame(one.plan, plan)) ??
        { plan, good: null, detail: "", changesAt: Infinity }
    );
  }

  /** When {@linkcode settle} must be called at the latest. */
  get dueAt(): number {
    return this.#trackers.reduce((due, { changesAt }) => Math.min(due, changesAt), Infinity);
  }

  /** The links of the host as they are now. The first time what is seen is believed at once. */
  observe(links: readonly Link[], now: number): void {
    for (const one of this.#trackers) {
      const { interface: name, downDelayMs, upDelayMs } = one.plan;
      const { good, detail } = look(name, links);
      if (one.good === null || one.good === good) {
        Object.assign(one, { good, detail, changesAt: Infinity });
      } else if (one.changesAt === Infinity) {
        one.changesAt = now + (good ? upDelayMs : downDelayMs);
        one.nextDetail = detail;
      }
    }
  }

  /** Believes what has lasted long enough. @returns whether anything has changed. */
  settle(now: number): boolean {
    let changed = false;
    for (const one of this.#trackers) {
      if (now < one.changesAt) continue;
      one.good = !one.good;
      one.detail = one.nextDetail ?? "";
      one.changesAt = Infinity;
      changed = true;
    }
    return changed;
  }

  /** Those that a virtual router with `track` tracks, as they stand. */
  seen(track: readonly TrackPlan[]): readonly Tracked[] {
    return track.flatMap((one) => {
      const watched = one.kind === "tracker" &&
        this.#trackers.find(({ plan }) => plan.name === one.tracker);
      if (!watched || watched.good === null) return [];
      const { plan: { name }, good, detail } = watched;
      return [{ name, good, effect: one.effect, detail }];
    });
  }
}

interface Watched {
  readonly plan: Extract<TrackerPlan, { type: "interface" }>;
  /** As others are told; `null` before the first look. */
  good: boolean | null;
  detail: string;
  /** When what is seen is believed; `Infinity` where it is what others are told. */
  changesAt: number;
  nextDetail?: string;
}

function look(name: string, links: readonly Link[]): { good: boolean; detail: string } {
  const link = links.find((one) => one.name === name);
  if (!link) return { good: false, detail: `there is no interface ${name}` };
  if ((link.flags & IFF_UP) === 0) return { good: false, detail: `interface ${name} is down` };
  return (link.flags & IFF_RUNNING) === 0
    ? { good: false, detail: `interface ${name} has no carrier` }
    : { good: true, detail: `interface ${name} is up` };
}
