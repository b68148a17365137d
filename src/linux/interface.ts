/**
 * Names of interfaces.
 *
 * @see if_nametoindex(3)
 */

import { libc } from "./libc.ts";

/** The index of an interface; 0 if there is none of that name now. */
export function interfaceIndex(name: string): number {
  return libc.if_nametoindex(new TextEncoder().encode(`${name}\0`));
}
