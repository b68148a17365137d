/**
 * What one virtual router sends: advertisements and gratuitous ARP. Counts what goes out and what
 * does not, and never fails.
 */

import { parseAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_RELEASE } from "../core/vrrp/router.ts";
import { GRATUITOUS_ARP_BYTES, writeGratuitousArp } from "../core/wire/arp.ts";
import { IPV4_HEADER_BYTES, writeIpv4Header } from "../core/wire/ipv4.ts";
import {
  authenticationData,
  MAX_TTL,
  PROTOCOL_VRRP,
  writeAdvertisement,
} from "../core/wire/vrrp.ts";
import { inetAddress } from "../linux/sockaddr.ts";
import type { RouterTable } from "../memory/router_table.ts";
import { groupOf, sentForm } from "./expectation.ts";
import type { Lan } from "./lan.ts";

/** Sends for one virtual router by the LAN it is on. */
export class Transmitter {
  /** The multicast group, or each unicast peer. */
  readonly destinations: readonly Uint8Array<ArrayBuffer>[];
  readonly #plan: VirtualRouterPlan;
  readonly #row: number;
  readonly #addresses: readonly Uint8Array<ArrayBuffer>[];
  readonly #table: RouterTable;
  readonly #sockaddrs: readonly Uint8Array<ArrayBuffer>[];
  readonly #password: Uint8Array | null;
  readonly #packet = new Uint8Array(PACKET_BYTES);
  #lan: Lan | undefined;
  #source: Uint8Array | null = null;
  #frames: readonly Uint8Array<ArrayBuffer>[] = [];
  #identification = 0;

  constructor(
    plan: VirtualRouterPlan,
    row: number,
    addresses: readonly Uint8Array<ArrayBuffer>[],
    table: RouterTable,
  ) {
    this.#plan = plan;
    this.#row = row;
    this.#addresses = addresses;
    this.#table = table;
    this.destinations = plan.unicast
      ? plan.unicast.peers.flatMap((peer) => parseAddress(peer)?.bytes ?? [])
      : [groupOf(plan)];
    this.#password = plan.password === null ? null : authenticationData(plan.password);
    this.#sockaddrs = this.destinations.map((destination) => inetAddress(destination, 0));
  }

  /** From now on this LAN, from this address; neither while the interface is unusable. */
  moveTo(lan: Lan | undefined, source: Uint8Array | null): void {
    this.#lan = lan;
    this.#source = source;
    if (!lan || lan.link.mac.length !== 6) {
      this.#frames = [];
      return;
    }
    this.#frames = this.#addresses.map((address) => {
      const frame = new Uint8Array(GRATUITOUS_ARP_BYTES);
      writeGratuitousArp(frame, lan.link.mac, address);
      return frame;
    });
  }

  /**
   * Advertises once to each destination.
   *
   * @param intervalMs what it says of the time until the next one.
   * @returns 0, or the last −errno.
   */
  advertise(priority: number, intervalMs = this.#plan.advertisementIntervalMs): number {
    let failed = 0;
    if (!this.#lan || !this.#source) return failed;
    for (const [index, destination] of this.destinations.entries()) {
      const length = this.#write(priority, intervalMs, this.#source, destination);
      const sockaddr = this.#sockaddrs[index];
      const result = sockaddr ? this.#lan.send(this.#packet, length, sockaddr) : 0;
      if (result < 0) failed = result;
      this.#count(result, "advertisementsSent");
      if (result >= 0 && priority === PRIORITY_RELEASE) {
        this.#table.count(this.#row, "priorityZeroSent");
      }
    }
    return failed;
  }

  /** Announces each address so many times. @returns 0, or the last −errno. */
  announce(copies: number): number {
    let failed = 0;
    if (!this.#lan) return failed;
    for (let copy = 0; copy < copies; copy++) {
      for (const frame of this.#frames) {
        const result = this.#lan.announce(frame);
        if (result < 0) failed = result;
        this.#count(result, "announcements");
      }
    }
    return failed;
  }

  #count(result: number, counter: "advertisementsSent" | "announcements"): void {
    this.#table.count(this.#row, result < 0 ? "sendErrors" : counter);
  }

  #write(
    priority: number,
    intervalMs: number,
    source: Uint8Array,
    destination: Uint8Array,
  ): number {
    const { vrid, version, unicast } = this.#plan;
    const payloadBytes = writeAdvertisement(this.#packet, IPV4_HEADER_BYTES, {
      version,
      vrid,
      priority,
      intervalMs,
      addresses: this.#addresses,
      source,
      destination,
      checksum: sentForm(this.#plan),
      password: this.#password,
    });
    // From 1 on and never 0, which the kernel would replace.
    this.#identification = this.#identification % 0xffff + 1;
    writeIpv4Header(this.#packet, {
      tos: TOS_INTERNETWORK_CONTROL,
      identification: this.#identification,
      ttl: unicast?.ttl ?? MAX_TTL,
      protocol: PROTOCOL_VRRP,
      source,
      destination,
    }, payloadBytes);
    return IPV4_HEADER_BYTES + payloadBytes;
  }
}

const TOS_INTERNETWORK_CONTROL = 0xc0;

/** Room for the largest there is: 255 addresses in version 2. */
const PACKET_BYTES = 1536;
