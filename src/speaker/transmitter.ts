/**
 * What one virtual router sends: advertisements, gratuitous ARP, neighbour advertisements. Counts
 * what goes out and what does not, and never fails.
 */

import { parseAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_RELEASE } from "../core/vrrp/router.ts";
import type { Link } from "../core/wire/rtnetlink.ts";
import { ETH_P_ARP, ETH_P_IPV6, packetAddress } from "../linux/packet.ts";
import { readSysctl } from "../linux/sysctl.ts";
import { GRATUITOUS_ARP_BYTES, writeGratuitousArp } from "../core/wire/arp.ts";
import { IPV4_HEADER_BYTES, setIdentification, writeIpv4Header } from "../core/wire/ipv4.ts";
import { IPV6_HEADER_BYTES, writeIpv6Header } from "../core/wire/ipv6.ts";
import { NEIGHBOUR_ADVERTISEMENT_BYTES, writeNeighbourAdvertisement } from "../core/wire/ndisc.ts";
import {
  authenticationData,
  MAX_TTL,
  PROTOCOL_VRRP,
  writeAdvertisement,
} from "../core/wire/vrrp.ts";
import { inetAddress } from "../linux/sockaddr.ts";
import type { RouterTable } from "../memory/router_table.ts";
import { groupOf, sentForm } from "./expectation.ts";
import type { VirtualAddresses } from "./addresses.ts";
import type { Lan } from "./lan.ts";

/** Sends for one virtual router by the LAN it is on. */
export class Transmitter {
  #plan: VirtualRouterPlan;
  #destinations: readonly Uint8Array<ArrayBuffer>[];
  readonly #row: number;
  readonly #addresses: Pick<VirtualAddresses, "bytes" | "all">;
  readonly #table: RouterTable;
  #sockaddrs: readonly Uint8Array<ArrayBuffer>[] = [];
  #password: Uint8Array | null;
  readonly #packet = new Uint8Array(PACKET_BYTES);
  #lan: Lan | undefined;
  /** Where the addresses are. */
  #home: Link | undefined;
  #arpTo = NOWHERE;
  #ipv6To = NOWHERE;
  #source: Uint8Array | null = null;
  #frames: readonly Uint8Array<ArrayBuffer>[] = [];
  /** Whether the interface forwards IPv6; `undefined` before it is known. */
  #isRouter: boolean | undefined;
  #identification = 0;
  /** What the packet was made of. */
  #written = NOTHING_WRITTEN;

  constructor(
    plan: VirtualRouterPlan,
    row: number,
    addresses: Pick<VirtualAddresses, "bytes" | "all">,
    table: RouterTable,
  ) {
    this.#plan = plan;
    this.#row = row;
    this.#addresses = addresses;
    this.#table = table;
    this.#destinations = destinationsOf(plan);
    this.#password = passwordOf(plan);
  }

  /** The multicast group, or each unicast peer. */
  get destinations(): readonly Uint8Array<ArrayBuffer>[] {
    return this.#destinations;
  }

  /** Goes by another plan, whose addresses are in place already. */
  change(plan: VirtualRouterPlan): void {
    this.#plan = plan;
    this.#destinations = destinationsOf(plan);
    this.#password = passwordOf(plan);
    this.#written = NOTHING_WRITTEN;
    this.moveTo(this.#lan, this.#source, this.#home);
  }

  /**
   * From now on this LAN, from this address; neither while the interface is unusable.
   *
   * @param home the link that the addresses are on.
   */
  moveTo(lan: Lan | undefined, source: Uint8Array | null, home = lan?.link): void {
    this.#lan = lan;
    this.#home = home;
    this.#arpTo = packetAddress(home?.index ?? 0, ETH_P_ARP);
    this.#ipv6To = packetAddress(home?.index ?? 0, ETH_P_IPV6);
    this.#source = source;
    const scope = lan?.link.index ?? 0;
    this.#sockaddrs = this.#destinations.map((address) => inetAddress(address, 0, scope));
    this.#isRouter = undefined;
    this.#writeFrames();
    this.#prepare();
  }

  /** A takeover mostly finds its advertisement written: what writes it may never have run. */
  #prepare(): void {
    const [destination] = this.#destinations;
    if (!this.#source || !destination) return;
    const { priority, advertisementIntervalMs } = this.#plan;
    this.#write(priority, advertisementIntervalMs, this.#source, destination);
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
    for (const [index, destination] of this.#destinations.entries()) {
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
    this.#writeFrames();
    for (let copy = 0; copy < copies; copy++) {
      for (const frame of this.#frames) {
        const isArp = frame.length === GRATUITOUS_ARP_BYTES;
        const result = this.#lan.announce(frame, isArp ? this.#arpTo : this.#ipv6To);
        if (result < 0) failed = result;
        this.#count(result, "announcements");
      }
    }
    return failed;
  }

  /** Has unicast peers on the link find us at once: their ARP may have given us up. */
  introduce(): void {
    const [lan, source] = [this.#lan, this.#source];
    if (!this.#plan.unicast || !lan || !source || lan.link.mac.length !== 6) return;
    const frame = frameFor(lan.link.mac, source, this.#forwards());
    const protocol = source.length === 4 ? ETH_P_ARP : ETH_P_IPV6;
    lan.announce(frame, packetAddress(lan.link.index, protocol));
  }

  /** Whether this host forwards may have changed, and neighbours believe what they are told. */
  #writeFrames(): void {
    const mac = this.#home?.mac;
    const isRouter = this.#forwards();
    if (this.#isRouter === isRouter) return;
    this.#isRouter = isRouter;
    this.#frames = mac?.length === 6
      ? this.#addresses.all.map((one) => frameFor(mac, one, isRouter))
      : [];
  }

  #forwards(): boolean {
    const name = this.#lan?.link.name;
    if (name === undefined || !this.#addresses.all.some(isIpv6)) return false;
    return readSysctl(["net", "ipv6", "conf", name, "forwarding"]) === "1";
  }

  #count(result: number, counter: "advertisementsSent" | "announcements"): void {
    this.#table.count(this.#row, result < 0 ? "sendErrors" : counter);
  }

  /** Mostly it is the packet before with another identification. @returns its length. */
  #write(
    priority: number,
    intervalMs: number,
    source: Uint8Array,
    destination: Uint8Array,
  ): number {
    const written = this.#written;
    const isSame = written.priority === priority && written.intervalMs === intervalMs &&
      written.source === source && written.destination === destination;
    if (!isSame) {
      const length = this.#compose(priority, intervalMs, source, destination);
      this.#written = { priority, intervalMs, source, destination, length };
    }
    if (source.length === 4) {
      // From 1 on and never 0, which the kernel would replace.
      this.#identification = this.#identification % 0xffff + 1;
      setIdentification(this.#packet, this.#identification);
    }
    return this.#written.length;
  }

  #compose(
    priority: number,
    intervalMs: number,
    source: Uint8Array,
    destination: Uint8Array,
  ): number {
    const { vrid, version, unicast } = this.#plan;
    const headerBytes = source.length === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    const payloadBytes = writeAdvertisement(this.#packet, headerBytes, {
      version,
      vrid,
      priority,
      intervalMs,
      addresses: this.#addresses.bytes,
      source,
      destination,
      checksum: sentForm(this.#plan),
      password: this.#password,
    });
    const ttl = unicast?.ttl ?? MAX_TTL;
    if (source.length === 16) {
      writeIpv6Header(this.#packet, {
        trafficClass: INTERNETWORK_CONTROL,
        hopLimit: ttl,
        nextHeader: PROTOCOL_VRRP,
        source,
        destination,
      }, payloadBytes);
    } else {
      writeIpv4Header(this.#packet, {
        tos: INTERNETWORK_CONTROL,
        identification: 1,
        ttl,
        protocol: PROTOCOL_VRRP,
        source,
        destination,
      }, payloadBytes);
    }
    return headerBytes + payloadBytes;
  }
}

interface Written {
  readonly priority: number;
  readonly intervalMs: number;
  readonly source: Uint8Array | null;
  readonly destination: Uint8Array | null;
  readonly length: number;
}

function destinationsOf(plan: VirtualRouterPlan): readonly Uint8Array<ArrayBuffer>[] {
  return plan.unicast
    ? plan.unicast.peers.flatMap((peer) => parseAddress(peer)?.bytes ?? [])
    : [groupOf(plan)];
}

function passwordOf({ password }: VirtualRouterPlan): Uint8Array | null {
  return password === null ? null : authenticationData(password);
}

function isIpv6(address: Uint8Array): boolean {
  return address.length === 16;
}

/** Says that an address is here now, in the way of its family. */
function frameFor(
  mac: Uint8Array,
  address: Uint8Array,
  isRouter: boolean,
): Uint8Array<ArrayBuffer> {
  const isIpv4 = address.length === 4;
  const frame = new Uint8Array(isIpv4 ? GRATUITOUS_ARP_BYTES : NEIGHBOUR_ADVERTISEMENT_BYTES);
  if (isIpv4) writeGratuitousArp(frame, mac, address);
  else writeNeighbourAdvertisement(frame, mac, address, isRouter);
  return frame;
}

const NOTHING_WRITTEN: Written = {
  priority: -1,
  intervalMs: 0,
  source: null,
  destination: null,
  length: 0,
};

const NOWHERE = packetAddress(0, 0);

/** Type of service, or traffic class: precedence 6. */
const INTERNETWORK_CONTROL = 0xc0;

/** Room for 255 addresses of IPv6; what is larger than a frame the kernel refuses. */
const PACKET_BYTES = 4160;
