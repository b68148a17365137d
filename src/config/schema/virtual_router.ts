/**
 * The words of one virtual router. What several keys mean together is judged by the compiler.
 */

import { z } from "zod";
import { RouteSchema, RuleSchema } from "./route.ts";
import { TrackSchema } from "./tracker.ts";
import {
  address,
  choice,
  command,
  duration,
  durationOrNone,
  flag,
  keys,
  list,
  listOrEmpty,
  named,
  text,
  url,
  whole,
} from "./words.ts";

const Address = text("an IP address, or one with a prefix length such as 10.0.0.1/24");

const Priority = z.union([whole(1, 255), named(whole(1, 255), "priorities")], {
  error: "a whole number from 1 to 255, or a map of node names to such numbers",
});

const UnicastPeers = keys({
  source: address().optional()
    .describe("Where advertisements come from; by default this node's address."),
  peers: list(address(), "addresses").describe("The other nodes."),
  ttl: whole(1, 255).prefault(255).describe("Sent as the TTL of advertisements."),
  minTtl: whole(1, 255).optional()
    .describe(
      "What comes with less is rejected; absent = 255 of IPv4 peers on the link that are sent 255.",
    ),
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
  addresses: list(Address, "addresses").describe(
    "The virtual addresses, advertised in this order, of one family; no mask means /32 or /128, " +
      "and the first IPv6 address is link-local.",
  ),
  excludedAddresses: listOrEmpty(Address, "addresses").prefault([])
    .describe("Carried like the others, but not advertised; of any family."),
  virtualRoutes: listOrEmpty(RouteSchema, "routes").prefault([])
    .describe("Routes that are installed while Active."),
  virtualRules: listOrEmpty(RuleSchema, "rules").prefault([])
    .describe("Routing policy rules that are installed while Active."),
  priority: Priority.optional()
    .describe("1..254, 255 = owner: a number for every node, or one by node name."),
  advertisementInterval: duration(10).prefault("1s")
    .describe("Time between advertisements: whole seconds in v2, 10ms steps in v3."),
  preempt: flag().prefault(true)
    .describe("Take over from an Active router of lower priority."),
  preemptDelay: duration(0).prefault("0s")
    .describe("Patience with an Active router of lower priority before taking over, up to 1000s."),
  unicast: Unicast.prefault("auto")
    .describe("auto = the other nodes' addresses when `nodes` has any, else multicast."),
  authentication: keys({
    password: text("the password, or file:/path of a file that holds it")
      .describe("Up to 8 characters, sent in clear text."),
  }).optional().describe("The password of version 2; version 3 has none."),
  checksum: choice(["rfc5798", "rfc9568"]).prefault("rfc5798")
    .describe("The checksum sent in v3 over IPv4; both are accepted."),
  strictChecksum: flag().prefault(false)
    .describe("Accept only the form of checksum that is sent."),
  addressList: choice(["ignore", "drop"]).prefault("ignore")
    .describe("What becomes of an advertisement with another list of addresses."),
  track: TrackSchema.prefault({}).describe(
    "What the election depends on: a tracker's name, or dataplane, and what it does when bad.",
  ),
  announce: keys({
    repeat: whole(1, 100).prefault(5)
      .describe("Announcements of each address sent on becoming Active."),
    delay: duration(0).prefault("5s").describe("A second burst so much later; 0s means none."),
    refresh: durationOrNone(1000).prefault("10s")
      .describe(
        "Announced anew this often while Active. Unless none: also with each advertisement, 20 " +
          "times a second at most, while a peer may yield without a word, as Keepalived does.",
      ),
    refreshRepeat: whole(1, 100).prefault(1).describe("Announcements of each address then."),
  }).prefault({}).describe(
    "Gratuitous ARPs and unsolicited neighbour advertisements, which tell the network that an " +
      "address has moved.",
  ),
  deadman: durationOrNone(2000).prefault("3s")
    .describe("The kernel drops the addresses this long after the last renewal; whole seconds."),
  existingAddress: choice(["remove", "refuse"]).prefault("remove").describe(
    "What becomes of a virtual address that is on the host at start and that lintel did not put " +
      "there; an owner's is never touched.",
  ),
  startDelay: duration(0).prefault("0s")
    .describe(
      "Waited from the start on, beside bound listeners and the first round of checks: what " +
        "takes longest counts.",
    ),
  notify: keys({
    command: command().optional().describe("Run at each change of state, one after the other."),
    webhook: url().optional().describe("Told of each change of state by a POST of JSON."),
  }).optional().describe("Who is told of each change of state."),
  virtualMac: flag().prefault(false)
    .describe("Answer with the MAC address of the virtual router instead of the interface's."),
});
