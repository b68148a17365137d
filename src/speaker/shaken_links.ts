/**
 * Links with which something has been the matter: neighbours on them may have been left with
 * something else. Tells that from notifications; the kernel sends them for less as well, such as a
 * macvlan that has been put on a link.
 */

import { sameAddress } from "../core/net/address.ts";
import { IFF_ALLMULTI, IFF_PROMISC, type Link } from "../core/wire/rtnetlink.ts";

/** What of links is known, and which of them have been shaken. */
export class ShakenLinks {
  /** As they were told last, by index. */
  readonly #known = new Map<number, Link>();
  #shaken = new Set<number>();

  /** Takes note of links of which nothing has been heard yet. */
  learn(links: readonly Link[]): void {
    for (const link of links) if (!this.#known.has(link.index)) this.#known.set(link.index, link);
  }

  /** A link has changed, if only in what does not matter, or it has gone. */
  note(link: Link, isGone: boolean): void {
    const before = this.#known.get(link.index);
    if (isGone) this.#known.delete(link.index);
    else this.#known.set(link.index, link);
    if (isGone || !before || isShaken(before, link)) this.#shaken.add(link.index);
  }

  /** The indexes of those that have been shaken since the last time. */
  take(): ReadonlySet<number> {
    const shaken = this.#shaken;
    if (shaken.size > 0) this.#shaken = new Set();
    return shaken;
  }
}

function isShaken(before: Link, after: Link): boolean {
  return after.event !== 0 || before.carrierChanges !== after.carrierChanges ||
    before.name !== after.name || before.controller !== after.controller ||
    before.operstate !== after.operstate || !sameAddress(before.mac, after.mac) ||
    ((before.flags ^ after.flags) & ~WHO_LISTENS) !== 0;
}

/** What a macvlan or a capture changes of the link it is on. */
const WHO_LISTENS = IFF_PROMISC | IFF_ALLMULTI;
