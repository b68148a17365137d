/**
 * Compiles `track`: what each virtual router makes of trackers and of the data plane. Members of a
 * sync group track what any of them tracks, as they would otherwise part.
 */

import type { FrontendPlan, TrackEffect, TrackPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { type Compilation, unknownName } from "./compilation.ts";
import type { Path } from "./problem.ts";
import { OWNER, prioritiesOf } from "./priority.ts";
import type { RouterConfig } from "./schema/file.ts";

/** The virtual routers with what they track. */
export function compileTracks(
  compilation: Compilation,
  routers: readonly VirtualRouterPlan[],
  frontends: readonly FrontendPlan[],
): VirtualRouterPlan[] {
  const groups = Object.values(compilation.config.syncGroups);
  const own = new Map(routers.map((router): [string, TrackPlan[]] => {
    const group = groups.find((members) => members.includes(router.name)) ?? [router.name];
    return [router.name, compileTrack(compilation, router, group, frontends)];
  }));
  for (const members of groups) refuseTwoEffects(compilation, members, own);
  return routers.map((router) => {
    const group = groups.find((members) => members.includes(router.name)) ?? [router.name];
    return { ...router, track: union(group.flatMap((member) => own.get(member) ?? [])) };
  });
}

function compileTrack(
  compilation: Compilation,
  router: VirtualRouterPlan,
  group: readonly string[],
  frontends: readonly FrontendPlan[],
): TrackPlan[] {
  const { config, report } = compilation;
  const { name } = router;
  return Object.entries(config.virtualRouters[name]?.track ?? {}).flatMap(([tracked, value]) => {
    const path = ["virtualRouters", name, "track", tracked];
    if (tracked === "dataplane") {
      return compileDataplane(compilation, path, router, group, frontends, value);
    }
    if (!Object.hasOwn(config.trackers, tracked)) {
      const text = unknownName(compilation, "tracker", "trackers", tracked);
      report.problem(path, text, [["trackers", tracked]]);
    }
    if (value === "yield" || typeof value === "number") {
      return { kind: "tracker", tracker: tracked, effect: effectOf(value) } as const;
    }
    report.problem(
      path,
      `only dataplane takes ${typeof value === "object" ? "a map" : value}; allowed: yield, or ` +
        "points: -20 counts while it is bad, 20 while it is good",
    );
    return [];
  });
}

type TrackValue = RouterConfig["track"][string];

function compileDataplane(
  compilation: Compilation,
  path: Path,
  router: VirtualRouterPlan,
  group: readonly string[],
  frontends: readonly FrontendPlan[],
  value: TrackValue,
): TrackPlan[] {
  const { report } = compilation;
  if (value === false) return [];
  if (typeof value === "number" && value > 0) {
    report.problem(path, `found ${value}; allowed: auto, yield, false, points from -253 to -1`);
  }
  const { frontends: named, minUsable, effect } = typeof value === "object"
    ? value
    : { frontends: undefined, minUsable: 1, effect: value };
  for (const [at, name] of named?.entries() ?? []) {
    if (Object.hasOwn(compilation.config.frontends, name)) continue;
    const text = unknownName(compilation, "frontend", "frontends", name);
    report.problem([...path, "frontends", at], text, [["frontends", name]]);
  }
  const watched = named ?? watchedBy(router, frontends);
  if (watched.length === 0) {
    // By default there may well be nothing to watch: a virtual router without a balancer.
    if (!report.given(path)) return [];
    const text =
      `no frontend listens on vip:${router.name} or on all addresses: there is nothing ` +
      "to watch";
    report.warn(path, text);
    return [];
  }
  return [{
    kind: "dataplane",
    frontends: [...new Set(watched)],
    minUsable,
    effect: effect === "auto"
      ? { kind: "points", points: -losingPoints(compilation, group) }
      : effectOf(effect),
  }];
}

/** Those that listen on the virtual router's addresses; if none does, those on all addresses. */
function watchedBy(
  { name, addresses, excludedAddresses }: VirtualRouterPlan,
  frontends: readonly FrontendPlan[],
): string[] {
  const own = frontends.filter(({ listeners }) =>
    listeners.some(({ virtualRouter }) => virtualRouter === name)
  );
  const carried = [...addresses, ...excludedAddresses].map(({ address }) => address);
  const wildcards = [
    "*",
    ...(carried.some((address) => address.includes(":")) ? ["::"] : []),
    ...(carried.some((address) => !address.includes(":")) ? ["0.0.0.0"] : []),
  ];
  const chosen = own.length > 0
    ? own
    : frontends.filter(({ listeners }) =>
      listeners.some(({ address }) => wildcards.includes(address))
    );
  return chosen.map((frontend) => frontend.name);
}

/**
 * As many points as make any node lose to any other: the largest gap between their priorities, and
 * one. All lose as many, so that nothing changes while all are bad. An owner's priority is fixed
 * and counts for nothing here.
 */
function losingPoints(compilation: Compilation, group: readonly string[]): number {
  const gaps = group.map((router) => {
    const priorities = prioritiesOf(compilation, router).map(({ priority }) => priority)
      .filter((priority) => priority !== OWNER);
    // Peers that the file does not name may have any priority; where there are none, nobody gains
    // by ours.
    return priorities.length < 2 ? MOST_POINTS : Math.max(...priorities) - Math.min(...priorities);
  });
  return Math.min(Math.max(...gaps) + 1, MOST_POINTS);
}

function effectOf(value: Exclude<TrackValue, object>): TrackEffect {
  return typeof value === "number" ? { kind: "points", points: value } : { kind: "yield" };
}

/** Each tracker once, and of the data plane one entry for each rule. */
function union(tracks: readonly TrackPlan[]): TrackPlan[] {
  const distinct = new Map<string, TrackPlan>();
  for (const track of tracks) {
    if (track.kind === "tracker") distinct.set(track.tracker, track);
    else {
      const key = JSON.stringify([track.minUsable, track.effect]);
      const before = distinct.get(key);
      const frontends = before?.kind === "dataplane" ? before.frontends : [];
      distinct.set(key, { ...track, frontends: [...new Set([...frontends, ...track.frontends])] });
    }
  }
  return [...distinct.values()];
}

function refuseTwoEffects(
  { report }: Compilation,
  members: readonly string[],
  tracks: ReadonlyMap<string, readonly TrackPlan[]>,
): void {
  const effects = new Map<string, { effect: TrackEffect; router: string }>();
  for (const router of members) {
    for (const track of tracks.get(router) ?? []) {
      if (track.kind !== "tracker") continue;
      const { tracker, effect } = track;
      const first = effects.get(tracker) ?? { effect, router };
      effects.set(tracker, first);
      if (JSON.stringify(first.effect) === JSON.stringify(effect)) continue;
      const path = (name: string) => ["virtualRouters", name, "track", tracker];
      report.problem(
        path(router),
        `${first.router} makes something else of ${tracker}, and both are in one sync group, ` +
          "whose members stand together: say the same in both",
        [path(first.router)],
      );
    }
  }
}

/** From the highest priority that is no owner's, 254, to the lowest, 1. */
const MOST_POINTS = 253;
