/**
 * The MAC addresses that advertisements come from, for the log. Raw sockets do not tell them, so
 * the next advertisement of a sender is looked at once more, as a frame; nobody's otherwise.
 */

import { formatAddress } from "../core/net/address.ts";
import { formatMac } from "../core/net/mac.ts";
import { senderFilter } from "../core/wire/bpf.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import { PROTOCOL_VRRP } from "../core/wire/vrrp.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { Fd } from "../linux/libc.ts";
import { ETH_P_IP, ETH_P_IPV6, packetListener } from "../linux/packet.ts";
import { close, recv } from "../linux/socket.ts";

/** The senders on one interface. */
export class Senders implements Disposable {
  readonly #link: Link;
  readonly #known = new Map<string, string>();
  readonly #sought = new Map<string, Sought>();
  readonly #frame = new Uint8Array(FRAME_BYTES);

  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * A sender by its address, and by its MAC address if that is known.
   *
   * @param found told the same with the MAC address, as soon as it is known; not if it is already.
   */
  nameOf(source: Uint8Array, found: (name: string) => void): string {
    const address = formatAddress(source);
    const mac = this.#known.get(address);
    if (mac !== undefined) return named(address, mac);
    if (!this.#sought.has(address) && this.#sought.size < MOST_SOUGHT) {
      const etherType = source.length === 4 ? ETH_P_IP : ETH_P_IPV6;
      const filter = senderFilter(source, PROTOCOL_VRRP);
      const fd = packetListener(this.#link.index, etherType, filter);
      if (fd >= 0) this.#sought.set(address, { fd, found, since: monotonicMs() });
    }
    return address;
  }

  /** Looks whether one that is sought has been heard. Costs nothing while none is. */
  look(): void {
    if (this.#sought.size === 0) return;
    for (const [address, { fd, found, since }] of this.#sought) {
      const length = recv(fd, this.#frame);
      const isHeard = length >= SOURCE_MAC + 6;
      if (!isHeard && monotonicMs() - since < PATIENCE_MS) continue;
      close(fd);
      this.#sought.delete(address);
      if (!isHeard) continue;
      const mac = formatMac(this.#frame.subarray(SOURCE_MAC, SOURCE_MAC + 6));
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      this.#known.set(address, mac);
      found(named(address, mac));
    }
  }

  /** @see close(2) */
  [Symbol.dispose](): void {
    for (const { fd } of this.#sought.values()) close(fd);
    this.#sought.clear();
  }
}

interface Sought {
  readonly fd: Fd;
  readonly found: (name: string) => void;
  readonly since: number;
}

function named(address: string, mac: string): string {
  return `${address} (${mac})`;
}

/** Forged sources must neither use up descriptors nor memory. */
const MOST_SOUGHT = 8;
const MOST_KNOWN = 64;
/** Whoever is not heard again by then is asked for anew when there is something to say. */
const PATIENCE_MS = 60_000;
const FRAME_BYTES = 64;
const SOURCE_MAC = 6;
