/**
 * The words of routes and rules that go with a virtual router.
 */

import { address, interfaceName, keys, text, whole } from "./words.ts";

/** Of table and metric: 32 bits, and 0 means that there is none. */
const MOST = 2 ** 32 - 1;

/** One entry of `virtualRoutes`. */
export const RouteSchema = keys({
  to: text("a network such as 10.1.0.0/16, or default").describe("The destination, or default."),
  via: address().optional().describe("The gateway; without one the destination is on the link."),
  interface: interfaceName().optional()
    .describe("The outgoing interface; by default the virtual router's."),
  source: address().optional().describe("The source address that is preferred."),
  table: whole(1, MOST).prefault(254).describe("The routing table; 254 is the main one."),
  metric: whole(1, MOST).optional().describe("Of two routes the lower one is taken."),
});

/** One entry of `virtualRules`. */
export const RuleSchema = keys({
  from: text("a network such as 10.1.0.0/16, or an address").optional()
    .describe("Packets from here; absent = from anywhere."),
  to: text("a network such as 10.1.0.0/16, or an address").optional()
    .describe("Packets to here; absent = to anywhere."),
  table: whole(1, MOST).describe("The routing table they look into."),
  priority: whole(1, MOST).optional()
    .describe("Lower ones are asked first; by default before the others."),
});
