/**
 * The parameters of a virtual router's state machine, from the plan and from what has been heard.
 */

import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { lastInterval } from "../core/vrrp/handover.ts";
import { PRIORITY_OWNER, type VirtualRouter } from "../core/vrrp/router.ts";

/**
 * The parameters at the start.
 *
 * @param grouped whether it is in a group with others.
 * @param insistMs as in {@linkcode VirtualRouter}, if the file wants any refresh at all.
 */
export function parametersOf(
  plan: VirtualRouterPlan,
  grouped: boolean,
  insistMs: number | null = null,
): VirtualRouter {
  return {
    version: plan.version,
    priority: plan.priority,
    advertisementIntervalMs: plan.advertisementIntervalMs,
    preempt: plan.preempt,
    preemptDelayMs: plan.preemptDelayMs,
    preemptFrom: -Infinity,
    lastIntervalMs: lastIntervalOf(plan, []),
    grouped,
    renewIntervalMs: renewInterval(plan),
    announce: plan.announce,
    insistMs: plan.announce.refreshMs === null ? null : insistMs,
  };
}

/**
 * Max Advertise Interval of the last advertisement before priority 0: by the priorities of the
 * file, where it names all routers there may be, else by those that have been heard.
 */
export function lastIntervalOf(plan: VirtualRouterPlan, heard: readonly number[]): number {
  const { unicast, peerPriorities } = plan;
  const backups = unicast?.peers.length ?? Math.max(peerPriorities.length, heard.length);
  return lastInterval(plan, backups, peerPriorities.length >= backups ? peerPriorities : heard);
}

/**
 * How often addresses are renewed: seldom, since each time wakes the thread, and with each IPv6
 * address the kernel looks at all of them (0.17 ms where there are 510); but four times at least in
 * their lifetime.
 */
function renewInterval({ deadmanMs, priority }: VirtualRouterPlan): number | null {
  if (deadmanMs === null || priority === PRIORITY_OWNER) return null;
  return deadmanMs >= LONG_DEADMAN_MS ? 2 * RENEW_INTERVAL_MS : RENEW_INTERVAL_MS;
}

/** The lifetime of addresses is a second less than the dead-man's, so a second or more. */
const RENEW_INTERVAL_MS = 250;
const LONG_DEADMAN_MS = 3_000;
