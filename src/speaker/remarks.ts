/**
 * What is worth a line in the log about one virtual router, and how often: a fault that lasts must
 * not fill the log.
 */

import { formatAddress } from "../core/net/address.ts";
import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import { PRIORITY_OWNER } from "../core/vrrp/router.ts";
import type { Advertisement } from "../core/wire/vrrp.ts";
import { errorName } from "../linux/errno.ts";
import { sentForm } from "./expectation.ts";
import type { LogReport, Report } from "./orders.ts";

/** The log of one virtual router. */
export class Remarks {
  readonly #router: string;
  readonly #report: (report: Report) => void;
  /** When each remark may be made again; `Infinity` for those made once. */
  readonly #nextAt = new Map<string, number>();
  /** What was said of single peers. */
  readonly #saidOfPeers = new Set<string>();

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
    if (now < (this.#nextAt.get(key) ?? -Infinity)) return;
    this.#nextAt.set(key, now + REPEAT_MS);
    this.#say(level, message);
  }

  /** The kernel's answer to something sent: a refusal is said once, until it is over. */
  sent(result: number): void {
    if (result >= 0) return this.forget("send");
    this.once("send", "warn", `sending fails: ${errorName(-result)}; it is tried again each time`);
  }

  /** What is odd about an advertisement that is taken all the same. */
  onAdvertisement(plan: VirtualRouterPlan, heard: Advertisement, now: number): void {
    const otherForm = plan.version === 3 && heard.checksum !== sentForm(plan);
    const otherInterval = heard.intervalMs !== plan.advertisementIntervalMs;
    const bothOwn = heard.priority === PRIORITY_OWNER && plan.priority === PRIORITY_OWNER;
    if (!otherForm && !otherInterval && !bothOwn && heard.sameAddresses) return;
    const peer = formatAddress(heard.source);
    if (otherForm) {
      const message = `${peer} sends another form of checksum than we do (${heard.checksum}), ` +
        "and may drop ours: see the key checksum";
      this.#onceOfPeer(`checksum ${peer}`, "warn", message);
    }
    if (otherInterval) {
      const message = `${peer} advertises every ${heard.intervalMs} ms, we are to do so every ` +
        `${plan.advertisementIntervalMs} ms`;
      this.#onceOfPeer(`interval ${peer} ${heard.intervalMs}`, "info", message);
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

  #say(level: LogReport["level"], message: string): void {
    const properties = { virtualRouter: this.#router };
    this.#report({ kind: "log", level, message: `${this.#router}: ${message}`, properties });
  }
}

const REPEAT_MS = 60_000;

/** Far more than a network has routers. */
const MOST_OF_PEERS = 100;
