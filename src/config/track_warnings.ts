/**
 * What a virtual router tracks, where it would never move the addresses: the usual reason why a
 * failover that was configured does not happen.
 */

import type { Plan, TrackPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { formatDuration } from "./duration.ts";
import { OWNER } from "./priority.ts";
import type { Report } from "./report.ts";

/** A virtual router as one node has it. */
export type Peer = VirtualRouterPlan & { readonly node: string };

/** Warns about what one node's virtual router tracks; `peers` are those of the other nodes. */
export function warnAboutTrack(
  plan: Plan,
  router: VirtualRouterPlan,
  peers: readonly Peer[],
  report: Report,
): void {
  const points = router.track.filter(({ effect }) => effect.kind === "points");
  if (router.priority === OWNER) warnOwner(plan.node, router, report);
  else if (points.length > 0) {
    if (!router.preempt) warnNoPreemption(router, points, report);
    else warnOrder(points, [{ ...router, node: plan.node }, ...peers], report);
  }
  warnDownDelays(plan, router, report);
}

/** What is tracked without being asked for is nothing to talk about. */
function warnOwner(node: string, { name, track }: VirtualRouterPlan, report: Report): void {
  const path = ["virtualRouters", name, "track"];
  if (!report.given(path)) return;
  const owns = `${node} owns the addresses (priority 255)`;
  const has = (kind: TrackPlan["effect"]["kind"]) =>
    track.some(({ effect }) => effect.kind === kind);
  if (has("points")) {
    report.warn(
      path,
      `${owns}, and an owner's priority never changes: points have no effect there; for a node ` +
        "that is to give them up, take a priority below 255 and addresses that are no node's own",
    );
  }
  if (!has("yield")) return;
  report.warn(
    path,
    `${owns}: when it yields they stay on its interface, and the peer that takes over has them ` +
      "too; take a priority below 255 and addresses that are no node's own",
  );
}

/** A Backup that must not preempt stays one whatever the priority of the Active router. */
function warnNoPreemption(
  { name }: VirtualRouterPlan,
  points: readonly TrackPlan[],
  report: Report,
): void {
  const effect = `the points of ${namesOf(points)} never move the addresses`;
  report.warn(
    ["virtualRouters", name, "preempt"],
    `without preemption nobody takes over from an Active router of lower priority, so that ` +
      `${effect}: in track, say yield instead of points or auto, or dataplane: false`,
  );
}

/** Compares each node at its worst with each that ranks after it at its best. */
function warnOrder(points: readonly TrackPlan[], nodes: readonly Peer[], report: Report): void {
  const others = nodes.filter(({ priority }) => priority !== OWNER)
    .sort((left, right) => right.priority - left.priority);
  const pairs = others.flatMap((high, at) =>
    others.slice(at + 1).map((low) => ({ high, low, worst: worst(high), best: best(low) }))
  );
  const [closest] = pairs.sort((left, right) =>
    (left.worst - left.best) - (right.worst - right.best)
  );
  if (!closest || closest.worst < closest.best) return;
  const { high, low } = closest;
  const remedy = closest.best === LEAST
    ? `nothing ranks below priority ${LEAST}: give ${low.node} a higher one`
    : `say yield, or points of ${high.priority - low.priority + 1} and more`;
  report.warn(
    ["virtualRouters", high.name, "track"],
    `points cannot change the order of the nodes: with ${
      namesOf(points)
    } bad, ${high.node} still ` +
      `has ${closest.worst} of ${high.priority}, and ${low.node} has ${closest.best}; ${remedy}`,
  );
}

function worst({ priority, track }: VirtualRouterPlan): number {
  return clamp(priority + sum(track.map((one) => Math.min(pointsOf(one), 0))));
}

function best({ priority, track }: VirtualRouterPlan): number {
  return clamp(priority + sum(track.map((one) => Math.max(pointsOf(one), 0))));
}

/** While the delay runs, the peer hears nothing and takes over, and so two nodes are Active. */
function warnDownDelays(plan: Plan, router: VirtualRouterPlan, report: Report): void {
  for (const track of router.track) {
    const tracker = track.kind === "tracker" &&
      plan.trackers.find(({ name }) => name === track.tracker);
    if (!tracker || tracker.type !== "interface") continue;
    if (tracker.interface !== router.interface) continue;
    if (tracker.downDelayMs < 2 * router.advertisementIntervalMs) continue;
    report.warn(
      ["trackers", tracker.name, "downDelay"],
      `advertisements of ${router.name} go through ${tracker.interface} every ` +
        `${formatDuration(router.advertisementIntervalMs)}: without them the peer takes over ` +
        "before such a delay is over; keep it below two intervals",
    );
  }
}

function namesOf(tracks: readonly TrackPlan[]): string {
  return tracks.map((one) => one.kind === "dataplane" ? "dataplane" : one.tracker).join(", ");
}

function pointsOf({ effect }: TrackPlan): number {
  return effect.kind === "points" ? effect.points : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** As the election does, so that nobody leaves it or becomes an owner by points. */
function clamp(priority: number): number {
  return Math.min(Math.max(priority, LEAST), OWNER - 1);
}

const LEAST = 1;
