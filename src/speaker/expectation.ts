/**
 * What a virtual router expects to hear, from its plan and its place. Hears nothing itself.
 */

import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import {
  authenticationData,
  type Expectation,
  GROUP_IPV4,
  GROUP_IPV6,
  MAX_TTL,
} from "../core/wire/vrrp.ts";
import type { Place } from "./place.ts";

/**
 * What is expected of advertisements for a virtual router.
 *
 * @param addresses the virtual addresses that are advertised.
 * @param peers where advertisements are sent in unicast.
 */
export function expectationOf(
  plan: VirtualRouterPlan,
  { source, peersOnLink }: Pick<Place, "source" | "peersOnLink">,
  addresses: readonly Uint8Array[],
  peers: readonly Uint8Array[],
): Expectation {
  const { unicast, vrid, version, advertisementIntervalMs, password } = plan;
  // Where a router may lie between, it takes one off (RFC 9568, section 5.1.1.3, is for one link).
  // keepalived 2.2.7 sends IPv6 unicast with hop limit 64: to refuse it would split the pair.
  const routed = unicast !== null &&
    (!peersOnLink || unicast.ttl !== MAX_TTL || plan.family === 6);
  return {
    vrid,
    version,
    intervalMs: advertisementIntervalMs,
    addresses,
    owner: plan.priority === PRIORITY_OWNER,
    source,
    destination: unicast ? source : groupOf(plan),
    minTtl: unicast?.minTtl ?? (routed ? 0 : MAX_TTL),
    peers: unicast?.checkSource ? peers : null,
    password: password === null ? null : authenticationData(password),
    checksum: plan.strictChecksum ? sentForm(plan) : null,
    otherAddresses: plan.addressList,
  };
}

/** The multicast group of a virtual router's family. */
export function groupOf({ family }: Pick<VirtualRouterPlan, "family">): Uint8Array<ArrayBuffer> {
  return family === 4 ? GROUP_IPV4 : GROUP_IPV6;
}

/** The form of checksum that a virtual router sends in version 3. */
export function sentForm({ checksum, family }: VirtualRouterPlan): "plain" | "pseudoHeader" {
  return family === 4 && checksum === "rfc9568" ? "plain" : "pseudoHeader";
}
