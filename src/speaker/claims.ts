/**
 * Hears who else claims our virtual addresses on a network: by ARP, or by neighbour advertisements.
 * The kernel passes nothing else to these sockets, so a busy network costs nothing. Judges nothing:
 * the Active of the virtual router claims them too.
 */

import { type Family, sameAddress } from "../core/net/address.ts";
import { parseArpClaim } from "../core/wire/arp.ts";
import { arpClaimFilter, neighbourClaimFilter } from "../core/wire/bpf.ts";
import { parseNeighbourAdvertisement, TYPE_NEIGHBOUR_ADVERTISEMENT } from "../core/wire/ndisc.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import type { Fd } from "../linux/libc.ts";
import { IncomingMessage } from "../linux/message.ts";
import { ETH_P_ARP, packetListener } from "../linux/packet.ts";
import { attachDropAll, attachFilter, bindToDevice } from "../linux/raw_ip.ts";
import { askForHeader, IPPROTO_ICMPV6, passIcmpv6, receiveIpv6 } from "../linux/raw_ipv6.ts";
import { AF_INET6, close, recv, SOCK_RAW, socket } from "../linux/socket.ts";

/** Somebody says that an address is at a MAC address. */
export interface Claim {
  readonly address: Uint8Array<ArrayBuffer>;
  /** `null` where the claim does not tell. */
  readonly mac: Uint8Array<ArrayBuffer> | null;
}

/** The claims on one interface, of one family. */
export class Claims implements Disposable {
  /** To wait on: readable when a claim has come. */
  readonly fd: Fd;
  readonly #link: Link;
  readonly #family: Family;
  readonly #message = new IncomingMessage(INBOX_BYTES);
  readonly #inbox = new Uint8Array(INBOX_BYTES);
  #watched = "";

  private constructor(fd: Fd, link: Link, family: Family) {
    this.fd = fd;
    this.#link = link;
    this.#family = family;
  }

  /** Opens the socket, which hears nothing yet; −errno if the kernel refuses. */
  static open(link: Link, family: Family): Claims | number {
    const fd = family === 4
      ? packetListener(link.index, ETH_P_ARP, arpClaimFilter([]))
      : openIcmpv6(link);
    return fd < 0 ? fd : new Claims(fd, link, family);
  }

  /** From now on claims of these addresses are heard. */
  watch(addresses: readonly Uint8Array[]): void {
    const watched = addresses.join(" ");
    if (watched === this.#watched) return;
    this.#watched = watched;
    const filter = this.#family === 4 ? arpClaimFilter : neighbourClaimFilter;
    attachFilter(this.fd, filter(addresses));
  }

  /**
   * Takes one claim.
   *
   * @returns `undefined` for what is none after all, and for our own; −errno, `-EAGAIN` when none
   *   waits.
   */
  receive(): Claim | undefined | number {
    const claim = this.#family === 4 ? this.#receiveArp() : this.#receiveNeighbour();
    if (!claim || typeof claim === "number") return claim;
    return claim.mac && sameAddress(claim.mac, this.#link.mac) ? undefined : claim;
  }

  /** @see close(2) */
  [Symbol.dispose](): void {
    close(this.fd);
  }

  #receiveArp(): Claim | undefined | number {
    const length = recv(this.fd, this.#inbox);
    return length < 0 ? length : parseArpClaim(this.#inbox.subarray(0, length));
  }

  #receiveNeighbour(): Claim | undefined | number {
    const packet = receiveIpv6(this.fd, this.#message);
    return packet && typeof packet !== "number" ? parseNeighbourAdvertisement(packet) : packet;
  }
}

function openIcmpv6(link: Link): Fd {
  const fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  if (fd < 0) return fd;
  const failed = Math.min(
    attachDropAll(fd),
    passIcmpv6(fd, TYPE_NEIGHBOUR_ADVERTISEMENT),
    bindToDevice(fd, link.name),
    askForHeader(fd),
  );
  if (failed >= 0) return fd;
  close(fd);
  return failed as Fd;
}

const INBOX_BYTES = 512;
