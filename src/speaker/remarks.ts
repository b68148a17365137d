/**
 * What is worth a line in the log about one virtual router, and how often: a fault that lasts must
 * not fill the log.
 */

import { formatAddress } from "../core/net/address.ts";
import { formatMac } from "../core/net/mac.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import type { Advertisement, RejectionReason } from "../core/wire/vrrp.ts";
import { EEXIST, errorName } from "../linux/errno.ts";
import type { AddressProblem } from "./addresses.ts";
import { sentForm } from "./expectation.ts";
import type { LogReport, Report } from "./orders.ts";
import type { Senders } from "./senders.ts";

/** The log of one virtual router. */
export class Remarks {
  readonly #router: string;
  readonly #report: (report: Report) => void;
  /** When each remark may be made again; `Infinity` for those made once. */
  readonly #nextAt = new Map<string, number>();
  /** What was said of single peers. */
  readonly #saidOfPeers = new Set<string>();

  /** Who knows the MAC addresses of peers, while there is a LAN. */
  senders: Pick<Senders, "nameOf"> | undefined;

  constructor(router: string, report: (report: Report) => void) {
    this.#router = router;
    this.#report = report;
  }

  /** Says it the first time, and again only after {@linkcode forget}. */
  once(key: string, level: LogReport["level"], message: string): void {
    if (this.#nextAt.has(key)) return;
    this.#nextAt.set(key, Infinity);
    this.#say(level, message);
  }

  /** What {@linkcode once} was said is over. */
  forget(key: string): void {
    this.#nextAt.delete(key);
  }

  /** Says it at most once a minute. */
  sometimes(key: string, level: LogReport["level"], message: string, now: number): void {
    if (!this.#isDue(key, now)) return;
    this.#nextAt.set(key, now + REPEAT_MS);
    this.#say(level, message);
  }

  /** The kernel's answer to something sent: a refusal is said once, until it is over. */
  sent(what: "advertisements" | "announcements", result: number): void {
    const key = `send ${what}`;
    if (result >= 0) return this.forget(key);
    const message = `sending ${what} fails: ${errorName(-result)}; it is tried again each time`;
    this.once(key, "warn", message);
  }

  /** What the kernel has refused to change: each is said once. */
  onProblems(problems: readonly AddressProblem[]): void {
    for (const { address, errno } of problems) {
      const message = errno === EEXIST
        ? `${address} is on this host already, put there by somebody else; it is left as it is`
        : `the kernel refuses to change ${address}: ${errorName(errno)}`;
      this.once(`${address} ${errno}`, "warn", message);
    }
  }

  /** An advertisement that was not taken. */
  onRejection(reason: RejectionReason, source: Uint8Array, now: number): void {
    // Other virtual routers on the same network are nothing to talk about.
    if (reason === "vrid" || !this.#isDue(reason, now)) return;
    const message = `advertisement of ${this.#nameOf(source)} rejected: ${REJECTED[reason]}`;
    this.sometimes(reason, "warn", message, now);
  }

  /** Somebody else claims an address that we hold. */
  onClaim(address: Uint8Array, mac: Uint8Array | null, now: number): void {
    const who = mac ? formatMac(mac) : "another host";
    const message = `${who} claims ${formatAddress(address)}, which this node holds as Active: ` +
      "announced anew; find out who has that MAC address";
    this.sometimes(`claim ${who}`, "error", message, now);
  }

  /** An address had gone from this host and has been put back. */
  onLoss(address: string, latenessMs: number, now: number): void {
    const how = latenessMs < EXPIRY_MS
      ? "was removed from this host by somebody else"
      : "has expired, since this thread was not run";
    this.sometimes(`loss ${address}`, "warn", `${address} ${how}: put back, announced anew`, now);
  }

  /** A route or rule had gone from this host and has been put back. */
  onRouteLoss(route: string, now: number): void {
    this.sometimes(`loss ${route}`, "warn", `${route} was gone from this host: put back`, now);
  }

  /** This thread has not been run in time. */
  onLateness(latenessMs: number, now: number): void {
    const message = `this thread was not run in time: ${latenessMs.toFixed(0)} ms late`;
    this.sometimes("late", "warn", message, now);
  }

  /** What is odd about an advertisement that is taken all the same. */
  onAdvertisement(plan: VirtualRouterPlan, heard: Advertisement, now: number): void {
    const otherForm = plan.version === 3 && heard.checksum !== sentForm(plan);
    const otherInterval = heard.intervalMs !== plan.advertisementIntervalMs;
    const bothOwn = heard.priority === PRIORITY_OWNER && plan.priority === PRIORITY_OWNER;
    if (!otherForm && !otherInterval && !bothOwn && heard.sameAddresses) return;
    const address = formatAddress(heard.source);
    const peer = this.#nameOf(heard.source);
    if (otherForm) {
      const message = `${peer} sends another form of checksum than we do (${heard.checksum}), ` +
        "and may drop ours: see the key checksum";
      this.#onceOfPeer(`checksum ${address}`, "warn", message);
    }
    if (otherInterval) {
      const message = `${peer} advertises every ${heard.intervalMs} ms, we are to do so every ` +
        `${plan.advertisementIntervalMs} ms`;
      this.#onceOfPeer(`interval ${address} ${heard.intervalMs}`, "info", message);
    }
    if (!heard.sameAddresses) {
      const message = `${peer} advertises other addresses than ours; keepalived would drop ours`;
      this.sometimes("addresses", "warn", message, now);
    }
    if (bothOwn) {
      this.sometimes("owner", "error", `${peer} says that it owns the addresses too`, now);
    }
  }

  /** As `once`; but not of any number of peers, since senders can be forged. */
  #onceOfPeer(key: string, level: LogReport["level"], message: string): void {
    if (this.#saidOfPeers.has(key) || this.#saidOfPeers.size >= MOST_OF_PEERS) return;
    this.#saidOfPeers.add(key);
    this.#say(level, message);
  }

  #isDue(key: string, now: number): boolean {
    return now >= (this.#nextAt.get(key) ?? -Infinity);
  }

  /** A peer's name for people. Its MAC address is said later if it is not known yet. */
  #nameOf(source: Uint8Array): string {
    const found = (name: string) => this.#say("warn", `these advertisements come from ${name}`);
    return this.senders?.nameOf(source, found) ?? formatAddress(source);
  }

  #say(level: LogReport["level"], message: string): void {
    const properties = { virtualRouter: this.#router };
    this.#report({ kind: "log", level, message: `${this.#router}: ${message}`, properties });
  }
}

const REPEAT_MS = 60_000;
/** The shortest lifetime of an address is a second. */
const EXPIRY_MS = 1_000;

/** What to say of a rejection; others know them by the name of the reason. */
const REJECTED: Readonly<Record<RejectionReason, string>> = {
  length: "length (cut short, or octets at its end)",
  ttl: "ttl (sent from further away than is allowed here)",
  version: "version (it speaks another one than configured here)",
  type: "type",
  checksum: "checksum",
  vrid: "vrid",
  addressCount: "addressCount (it lists no address)",
  authenticationType: "authenticationType (nobody has defined it)",
  authenticationMismatch: "authenticationMismatch (only one side has a password)",
  authenticationFailure: "authenticationFailure (another password)",
  interval: "interval (version 2 needs the same advertisementInterval on both sides)",
  ownAddress: "ownAddress (its source is our own address: a reflection, or a duplicate)",
  ownerConflict: "ownerConflict (both own the addresses)",
  destination: "destination (multicast where unicast is configured, or the reverse)",
  unknownPeer: "unknownPeer (not among the unicast peers)",
  addressList: "addressList (another list of addresses: somebody else's virtual router " +
    "with this VRID, or different files)",
};

/** Far more than a network has routers. */
const MOST_OF_PEERS = 100;
