/**
 * The interfaces in use: opened when a virtual router needs one, drained, and closed when none does
 * any more. Hands what is heard to whom it concerns, and judges none of it.
 */

import { type Family, sameAddress } from "../core/net/address.ts";
import type { Packet } from "../core/wire/ipv4.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import { type Advertisement, parseAdvertisement, type Rejection } from "../core/wire/vrrp.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { Fd } from "../linux/libc.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import type { Claims } from "./claims.ts";
import { Lan } from "./lan.ts";
import type { Participant } from "./participant.ts";
import type { Roster } from "./roster.ts";

/** All LANs of a speaker. */
export class Lans implements Disposable {
  readonly #roster: Pick<Roster, "participants">;
  /** By index and family. */
  readonly #open = new Map<string, Lan>();
  /** Who is where, by VRID. */
  readonly #members = new Map<Lan, ReadonlyMap<number, Participant>>();
  /** The last advertisement of each that was taken, by VRID. */
  readonly #accepted = new Map<Lan, Map<number, Accepted>>();
  /** Replaced, but still in use until everybody has been settled. */
  readonly #retired: Lan[] = [];

  constructor(roster: Pick<Roster, "participants">) {
    this.#roster = roster;
  }

  /** What to wait on. */
  get fds(): readonly Fd[] {
    return [...this.#open.values()].flatMap(({ receiver, claims }) => [
      receiver,
      ...claims.map(({ fd }) => fd),
    ]);
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
    // It may be expected to be another from now on.
    this.#accepted.clear();
    for (const [key, lan] of this.#open) {
      const members = this.#roster.participants.filter((one) => one.lan === lan);
      if (members.length === 0) {
        lan[Symbol.dispose]();
        this.#open.delete(key);
        continue;
      }
      this.#members.set(lan, new Map(members.map((one) => [one.plan.vrid, one])));
      lan.watch(members.flatMap(({ addresses }) => addresses));
    }
  }

  /**
   * Hears what has come to descriptors that are ready: all of it, or where one virtual router is
   * alone on a LAN and nothing presses, the first, which mostly is all. What is left keeps its
   * descriptor ready.
   */
  drain(isReady: (fd: Fd) => boolean, presses: boolean): void {
    for (const lan of this.#open.values()) {
      if (isReady(lan.receiver)) {
        const isAlone = this.#members.get(lan)?.size === 1;
        this.#drainAdvertisements(lan, isAlone && !presses ? 1 : DRAIN_PACKETS);
      }
      for (const claims of lan.claims) if (isReady(claims.fd)) this.#drainClaims(lan, claims);
      lan.senders.look();
    }
  }

  /** Closes all sockets. */
  [Symbol.dispose](): void {
    for (const lan of this.#open.values()) lan[Symbol.dispose]();
  }

  #drainAdvertisements(lan: Lan, most: number): void {
    for (let packets = 0; packets < most; packets++) {
      const packet = lan.receive();
      if (typeof packet === "number") return;
      const now = monotonicMs();
      if (!packet) {
        this.#meant(lan, undefined)?.refuse("length", NO_ADDRESS, now);
        continue;
      }
      const heard = this.#read(lan, packet);
      const participant = this.#meant(lan, heard.vrid);
      if ("rejected" in heard) participant?.refuse(heard.rejected, packet.source, now);
      else participant?.hear(heard, now);
    }
  }

  /** An Active says the same all the time: what has been found good once is not looked at again. */
  #read(lan: Lan, packet: Packet): Advertisement | Rejection {
    const vrid = packet.payload[1];
    const last = vrid === undefined ? undefined : this.#accepted.get(lan)?.get(vrid);
    if (last && samePacket(last.packet, packet)) return last.advertisement;
    const heard = parseAdvertisement(packet, lan.expectations);
    if ("rejected" in heard) return heard;
    const accepted = this.#accepted.get(lan) ?? new Map<number, Accepted>();
    this.#accepted.set(lan, accepted);
    accepted.set(heard.vrid, { packet: copyOf(packet), advertisement: heard });
    return heard;
  }

  #drainClaims(lan: Lan, claims: Claims): void {
    for (let count = 0; count < DRAIN_CLAIMS; count++) {
      const claim = claims.receive();
      if (typeof claim === "number") return;
      if (!claim) continue;
      const holder = this.#roster.participants.find(({ addresses, lan: where }) =>
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

/** An advertisement, and the packet it came as. */
interface Accepted {
  readonly packet: Packet;
  readonly advertisement: Advertisement;
}

/** A packet that stays as it is when the next one is received. */
function copyOf({ source, destination, ttl, payload }: Packet): Packet {
  return {
    source: source.slice(),
    destination: destination.slice(),
    ttl,
    payload: payload.slice(),
  };
}

function samePacket(left: Packet, right: Packet): boolean {
  return left.ttl === right.ttl && sameAddress(left.payload, right.payload) &&
    sameAddress(left.source, right.source) && sameAddress(left.destination, right.destination);
}

/** A flood must not keep the timers from running. */
const DRAIN_PACKETS = 256;
const DRAIN_CLAIMS = 16;

const NO_ADDRESS = new Uint8Array(4);
