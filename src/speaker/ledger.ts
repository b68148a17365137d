/**
 * What one virtual router writes into shared memory: where it stands, whom it hears, what it
 * counts.
 */

import { formatAddress } from "../core/net/address.ts";
import { PRIORITY_RELEASE } from "../core/vrrp/router.ts";
import { publicState, type State, type TransitionReason } from "../core/vrrp/state.ts";
import type { Advertisement, RejectionReason } from "../core/wire/vrrp.ts";
import { ROUTER_COUNTERS, type RouterCounter, type RouterTable } from "../memory/router_table.ts";
import type { TransitionReport } from "./orders.ts";

/** What is shown beside the state. */
export interface Shown {
  readonly reason: TransitionReason | null;
  readonly since: number;
  readonly interfaceIndex: number;
  /** Our own. */
  readonly advertisementIntervalMs: number;
}

/** An advertisement and when it came. */
export interface Heard {
  readonly advertisement: Advertisement;
  readonly at: number;
}

/** What is known at one moment. */
export type Facts = Pick<TransitionReport, "counters" | "peer">;

/** A row of the router table, as its virtual router writes it. */
export class Ledger {
  readonly #table: RouterTable;
  readonly #row: number;

  constructor(table: RouterTable, row: number) {
    this.#table = table;
    this.#row = row;
  }

  /** An advertisement was accepted, after `last`: the same object if it says the same. */
  accept({ advertisement, at }: Heard, last: Heard | undefined): void {
    const { priority, intervalMs, source, checksum } = advertisement;
    this.#table.count(this.#row, "advertisementsReceived");
    if (priority === PRIORITY_RELEASE) this.#table.count(this.#row, "priorityZeroReceived");
    this.#table.count(this.#row, CHECKSUM_COUNTERS[checksum]);
    if (last) {
      const gapMs = Math.min(at - last.at, MAX_GAP_MS);
      this.#table.advertisementAge.observe(0, this.#row, gapMs);
    }
    if (advertisement === last?.advertisement) this.#table.setPeerAt(this.#row, at);
    else this.#table.setPeer(this.#row, { address: source, priority, intervalMs, at });
  }

  /** An advertisement was rejected. */
  reject(reason: RejectionReason): void {
    this.#table.countRejection(this.#row, reason);
  }

  /** What has been counted until now, and who has been heard last. */
  get facts(): Facts {
    const count = (name: RouterCounter) => [name, this.#table.counter(this.#row, name)] as const;
    const peer = this.#table.peer(this.#row);
    return {
      counters: Object.fromEntries(ROUTER_COUNTERS.map(count)),
      peer: peer && { address: formatAddress(peer.address), priority: peer.priority },
    };
  }

  /** The state that others are shown is another now. */
  enter(reason: TransitionReason): void {
    this.#table.countTransition(this.#row, reason);
  }

  /** Somebody else claims an address of ours. */
  conflict(): void {
    this.#table.count(this.#row, "vipConflicts");
  }

  /** A deadline was missed by so much, perhaps by enough to matter. */
  late(latenessMs: number, matters: boolean): void {
    this.#table.noteLateness(this.#row, latenessMs);
    if (matters) this.#table.count(this.#row, "lateWakeups");
  }

  /** Shows where it stands. */
  publish(state: State, shown: Shown): void {
    const { reason, since, interfaceIndex, advertisementIntervalMs } = shown;
    this.#table.setStatus(this.#row, {
      state: publicState(state),
      reason,
      priority: state.priority,
      interfaceIndex,
      since,
      activeIntervalMs: state.name === "backup" ? state.activeIntervalMs : advertisementIntervalMs,
      source: state.source && Uint8Array.from(state.source),
    });
  }
}

/** Whether others are shown something new although the state's name is the same. */
export function isShownAnew(before: State, after: State): boolean {
  if (before.priority !== after.priority || before.source !== after.source) return true;
  return before.name === "backup" && after.name === "backup" &&
    before.activeIntervalMs !== after.activeIntervalMs;
}

/** The histogram of gaps takes less than half an hour. */
const MAX_GAP_MS = 1_000_000;

const CHECKSUM_COUNTERS = {
  plain: "checksumPlain",
  pseudoHeader: "checksumPseudoHeader",
  group: "checksumGroup",
} as const;
