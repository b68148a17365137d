/**
 * The interfaces in use: opened when a virtual router needs one, drained, and closed when none does
 * any more. Hands what is heard to whom it concerns, and judges none of it.
 */

import { type Family, sameAddress } from "../core/net/address.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import { parseAdvertisement } from "../core/wire/vrrp.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { Fd } from "../linux/libc.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import { Lan } from "./lan.ts";
import type { Participant } from "./participant.ts";

/** All LANs of a speaker. */
export class Lans implements Disposable {
  readonly #participants: readonly Participant[];
  /** By index and family. */
  readonly #open = new Map<string, Lan>();
  /** Who is where, by VRID. */
  readonly #members = new Map<Lan, ReadonlyMap<number, Participant>>();
  /** Replaced, but still in use until everybody has been settled. */
  readonly #retired: Lan[] = [];

  constructor(participants: readonly Participant[]) {
    this.#participants = participants;
  }

  /** What to wait on. */
  get fds(): readonly Fd[] {
    return [...this.#open.values()].flatMap(({ receiver, claims }) => [receiver, claims.fd]);
  }

  /** The LAN of a link; opened anew if the link has another name or hardware address now. */
  of(link: Link, family: Family): Lan | number {
    const key = `${link.index} ${family}`;
    const open = this.#open.get(key);
    if (open && open.link.name === link.name && sameAddress(open.link.mac, link.mac)) return open;
    const lan = Lan.open(link, family);
    if (typeof lan === "number") return lan;
    if (open) this.#retired.push(open);
    this.#open.set(key, lan);
    // With the last primary address of a network the kernel would else remove a virtual one too.
    if (family === 4) writeSysctl(["net", "ipv4", "conf", link.name, "promote_secondaries"], 1);
    return lan;
  }

  /** Everybody has been told the place: closes what nobody uses any more. */
  settled(): void {
    for (const lan of this.#retired.splice(0)) lan[Symbol.dispose]();
    this.#members.clear();
    for (const [key, lan] of this.#open) {
      const members = this.#participants.filter((one) => one.lan === lan);
      if (members.length === 0) {
        lan[Symbol.dispose]();
        this.#open.delete(key);
        continue;
      }
      this.#members.set(lan, new Map(members.map((one) => [one.plan.vrid, one])));
      lan.claims.watch(members.flatMap(({ addresses }) => addresses));
    }
  }

  /** Hears all that has come to descriptors that are ready. */
  drain(isReady: (fd: Fd) => boolean): void {
    for (const lan of this.#open.values()) {
      if (isReady(lan.receiver)) this.#drainAdvertisements(lan);
      if (isReady(lan.claims.fd)) this.#drainClaims(lan);
      lan.senders.look();
    }
  }

  /** Closes all sockets. */
  [Symbol.dispose](): void {
    for (const lan of this.#open.values()) lan[Symbol.dispose]();
  }

  #drainAdvertisements(lan: Lan): void {
    for (let packets = 0; packets < DRAIN_PACKETS; packets++) {
      const packet = lan.receive();
      if (typeof packet === "number") return;
      const now = monotonicMs();
      if (!packet) {
        this.#meant(lan, undefined)?.refuse("length", NO_ADDRESS, now);
        continue;
      }
      const heard = parseAdvertisement(packet, lan.expectations);
      const participant = this.#meant(lan, heard.vrid);
      if ("rejected" in heard) participant?.refuse(heard.rejected, packet.source, now);
      else participant?.hear(heard, now);
    }
  }

  #drainClaims(lan: Lan): void {
    for (let claims = 0; claims < DRAIN_CLAIMS; claims++) {
      const claim = lan.claims.receive();
      if (typeof claim === "number") return;
      if (!claim) continue;
      const holder = this.#participants.find(({ addresses, lan: where }) =>
        where === lan && addresses.some((one) => sameAddress(one, claim.address))
      );
      holder?.claimed(claim, monotonicMs());
    }
  }

  /** Whom a packet concerns; what concerns nobody is counted with the first on the interface. */
  #meant(lan: Lan, vrid: number | undefined): Participant | undefined {
    const members = this.#members.get(lan);
    return vrid === undefined ? members?.values().next().value : members?.get(vrid);
  }
}

/** A flood must not keep the timers from running. */
const DRAIN_PACKETS = 256;
const DRAIN_CLAIMS = 16;

const NO_ADDRESS = new Uint8Array(4);
