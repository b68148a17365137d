/**
 * The words of one virtual router. What several keys mean together is judged by the compiler.
 */

import { z } from "zod";
import {
  address,
  choice,
  duration,
  durationOrNone,
  flag,
  keys,
  list,
  named,
  text,
  whole,
} from "./words.ts";

const Priority = z.union([whole(1, 255), named(whole(1, 255), "priorities")], {
  error: "a whole number from 1 to 255, or a map of node names to such numbers",
});

const UnicastPeers = keys({
  source: address().optional()
    .describe("Where advertisements come from; by default this node's address."),
  peers: list(address(), "addresses").describe("The other nodes."),
  ttl: whole(1, 255).prefault(255).describe("Sent as the TTL of advertisements."),
  checkSource: flag().prefault(true)
    .describe("Refuse advertisements from anybody but the peers."),
});

const Unicast = z.union([z.literal("auto"), z.boolean(), UnicastPeers], {
  error: "auto, true, false, or a map with peers",
});

/** One entry of `virtualRouters`. */
export const VirtualRouterSchema = keys({
  interface: text("auto, or an interface name of up to 15 characters", /^[^\s/]{1,15}$/)
    .prefault("auto")
    .describe("auto = the interface that carries this node's address of that family."),
  vrid: whole(1, 255).describe("Virtual router identifier, unique on the network segment."),
  version: z.literal([2, 3], { error: "2 or 3" }).prefault(3).describe("VRRP version."),
  addresses: list(
    text("an IP address, or one with a prefix length such as 10.0.0.1/24"),
    "addresses",
  )
    .describe("The virtual addresses, advertised in this order; no mask means /32."),
  priority: Priority.optional()
    .describe("1..254, 255 = owner: a number for every node, or one by node name."),
  advertisementInterval: duration(10).prefault("1s")
    .describe("Time between advertisements: whole seconds in v2, 10ms steps in v3."),
  preempt: flag().prefault(true)
    .describe("Take over from an Active router of lower priority."),
  unicast: Unicast.prefault("auto")
    .describe("auto = the other nodes' addresses when `nodes` has any, else multicast."),
  checksum: choice(["rfc5798", "rfc9568"]).prefault("rfc5798")
    .describe("The checksum sent in v3 over IPv4; both are accepted."),
  announce: keys({
    repeat: whole(1, 100).prefault(5).describe("Gratuitous ARPs sent on becoming Active."),
  }).prefault({}).describe("How the move of an address is told to the network."),
  deadman: durationOrNone(2000).prefault("3s")
    .describe("The kernel drops the addresses this long after the last renewal; whole seconds."),
});
