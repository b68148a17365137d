/**
 * The words of one frontend.
 */

import { z } from "zod";
import { flag, keys, list, name, text } from "./words.ts";

const LISTENER = "HOST:PORT[-PORT] with HOST one of *, an IPv4 address, [IPv6], vip:ROUTER";

/** One entry of `frontends`. */
export const FrontendSchema = keys({
  listen: z.union([text(LISTENER), list(text(LISTENER), "listeners")], {
    error: `${LISTENER}; or a list of these`,
  }).describe("Where connections arrive; vip:ROUTER is bound also while the address is not here."),
  backend: name().optional().describe("The backend that takes the connections."),
  required: flag().prefault(true).describe("Counts for /readyz."),
});
