/**
 * What it takes to go from one plan of a virtual router to another: nothing, a change in place, or
 * to leave and start anew. It does neither.
 */

import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { isSame } from "../core/plan/same.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";

/** What is other in place; `null` if nothing that concerns a virtual router that runs. */
export type Adaptation = "addresses" | "other" | null;

/** Whether a virtual router can go by another plan without being started anew. */
export function isAdaptable(before: VirtualRouterPlan, next: VirtualRouterPlan): boolean {
  return isSame(identityOf(before), identityOf(next)) &&
    // Who owns the addresses no more may find that this host still has them.
    (before.priority !== PRIORITY_OWNER || next.priority === PRIORITY_OWNER);
}

/** What is other for a virtual router that runs on. */
export function adaptationOf(before: VirtualRouterPlan, next: VirtualRouterPlan): Adaptation {
  if (isSame(partsInUse(before), partsInUse(next))) return null;
  return isSame(addressesOf(before), addressesOf(next)) ? "other" : "addresses";
}

/** What makes it another virtual router. */
function identityOf(plan: VirtualRouterPlan) {
  const { name, family, vrid, version, unicast, virtualMac, nodeAddress } = plan;
  return {
    ...{ name, family, vrid, version, virtualMac, interface: plan.interface },
    isUnicast: unicast !== null,
    found: plan.interface === null ? nodeAddress : null,
  };
}

/** Without what only matters elsewhere, or at the next start. */
function partsInUse(plan: VirtualRouterPlan) {
  const { track: _, notify: _notify, startDelayMs: _delay, existingAddress: _left, ...rest } = plan;
  return rest;
}

function addressesOf({ addresses, excludedAddresses }: VirtualRouterPlan) {
  return [addresses, excludedAddresses];
}
