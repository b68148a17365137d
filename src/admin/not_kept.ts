/**
 * Tells whoever changes something that the disk refuses to keep it. The change is made all the
 * same: whether that is enough is theirs to say.
 */

import type { Context } from "hono";
import type { Appliance } from "./appliance.ts";

/** Adds the header `lintel-not-kept` with the cause, where what has been said would be lost. */
export function tellNotKept(context: Context, appliance: Appliance): void {
  const cause = appliance.notKept();
  // A header takes no other characters, and paths may have any.
  if (cause !== undefined) context.header(NOT_KEPT, cause.replaceAll(/[^\x20-\x7e]/g, "?"));
}

const NOT_KEPT = "lintel-not-kept";
