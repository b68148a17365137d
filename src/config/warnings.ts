/**
 * What works but is probably not meant, seen by comparing the plans of all nodes of a file.
 */

import type { Plan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { formatDuration } from "./duration.ts";
import { OWNER } from "./priority.ts";
import type { Report } from "./report.ts";
import { type Peer, warnAboutTrack } from "./track_warnings.ts";

/**
 * Warns about one node's plan; `all` are the plans of every node that has one, its own among
 * them.
 */
export function warnAbout(plan: Plan, all: readonly Plan[], report: Report): void {
  for (const router of plan.virtualRouters) {
    const peers = all.flatMap((other): Peer[] =>
      other.node === plan.node
        ? []
        : other.virtualRouters.filter(({ name }) => name === router.name)
          .map((peer) => ({ ...peer, node: other.node }))
    );
    warnEqualPriorities(plan.node, router, peers, report);
    warnDeadman(router, peers, report);
    warnOwningPeer(plan.node, router, peers, report);
    warnAboutTrack(plan, router, peers, report);
  }
}

function warnEqualPriorities(
  node: string,
  { name, priority }: VirtualRouterPlan,
  peers: readonly Peer[],
  report: Report,
): void {
  const equals = peers.filter((peer) => peer.priority === priority).map((peer) => peer.node);
  if (equals.length === 0) return;
  // Sorted, so that every node of the group says it in the same words.
  const nodes = [node, ...equals].sort().join(", ");
  report.warn(
    ["virtualRouters", name],
    `${nodes} have the same priority, ${priority}: the higher address wins a simultaneous start`,
  );
}

/** The kernel takes nothing that comes from an address which it has itself. */
function warnOwningPeer(
  node: string,
  { name, family, priority, addresses }: VirtualRouterPlan,
  peers: readonly Peer[],
  report: Report,
): void {
  const owner = peers.find((peer) =>
    peer.priority === OWNER && addresses.some(({ address }) => address === peer.nodeAddress)
  );
  if (!owner || family === 6 || priority === OWNER) return;
  report.warn(
    ["virtualRouters", name, "addresses"],
    `${owner.node} owns ${owner.nodeAddress} and advertises from it: while ${node} has it too, ` +
      `${node} hears nothing of that, and both are Active after ${owner.node} has come back; ` +
      "take an address that is no node's own, or say unicast: false and set the sysctl " +
      `accept_local of the interface on ${node}`,
  );
}

/** Until our kernel drops the address, a peer that takes over earlier has it too. */
function warnDeadman(
  router: VirtualRouterPlan,
  peers: readonly VirtualRouterPlan[],
  report: Report,
): void {
  const { name, deadmanMs, priority } = router;
  if (deadmanMs === null || priority === OWNER) return;
  const others = peers.length > 0 ? peers.map((peer) => peer.priority) : [HIGHEST_PRIORITY];
  const downMs = Math.min(...others.map((peer) => activeDownIntervalMs(router, peer)));
  if (deadmanMs <= downMs) return;
  report.warn(
    ["virtualRouters", name, "deadman"],
    `after a crash the addresses stay for up to ${formatDuration(deadmanMs)}, but the peer takes ` +
      `over after ${formatDuration(Math.round(downMs))}: in between, two nodes have them`,
  );
}

/** RFC 9568, section 6.1, and RFC 3768, section 6.1: how long a Backup of a priority waits. */
function activeDownIntervalMs(
  { version, advertisementIntervalMs }: VirtualRouterPlan,
  priority: number,
): number {
  const skewed = version === 2 ? 1000 : advertisementIntervalMs;
  return 3 * advertisementIntervalMs + ((256 - priority) * skewed) / 256;
}

/** Of a router that owns no address: the soonest to take over. */
const HIGHEST_PRIORITY = 254;
