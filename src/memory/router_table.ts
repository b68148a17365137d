/**
 * What the speaker has to say of each virtual router: its state, its peer and its counts. Knows no
 * reason by itself: the closed lists of reasons come with the shape.
 */

import { Counters } from "./counters.ts";
import { Histogram } from "./histogram.ts";
import { ADVERTISEMENT_AGE_BOUNDS } from "./traffic.ts";

/**
 * One row a virtual router. The speaker is the only writer of all of it; any thread may read.
 *
 * The status of a row is guarded by its first cell, odd while the row is being written, so that a
 * reader never sees half of a change: unless the speaker has died in the middle of it.
 */
export class RouterTable {
  readonly shape: RouterTableShape;
  /** Gaps between accepted advertisements, by row. */
  readonly advertisementAge: Histogram;
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #counters: Counters;

  /** Lays a table over the shape's memory, or over new memory where it has none. */
  constructor(shape: RouterTableShape) {
    const { routers, rejections, transitions } = shape;
    const columns = ROUTER_COUNTERS.length + rejections.length + transitions.length;
    const ages = { bounds: ADVERTISEMENT_AGE_BOUNDS, rows: routers, stripes: 1 };
    const { status, counters, ages: ageMemory } = shape.memory ?? {};
    this.#cells = new Int32Array(
      status ?? new SharedArrayBuffer(routers * COLUMNS * Int32Array.BYTES_PER_ELEMENT),
    );
    this.#counters = new Counters({
      rows: routers,
      columns,
      stripes: 1,
      ...(counters && { buffer: counters }),
    });
    this.advertisementAge = new Histogram({ ...ages, ...(ageMemory && { buffer: ageMemory }) });
    this.shape = {
      ...shape,
      memory: {
        status: this.#cells.buffer,
        counters: this.#counters.buffer,
        ages: this.advertisementAge.shape.buffer!,
      },
    };
  }

  /** Publishes where a virtual router stands. */
  setStatus(row: number, status: RouterStatus): void {
    this.#write(row, (at) => {
      this.#cells[at + STATE] = STATES.indexOf(status.state);
      this.#cells[at + REASON] = 1 + this.shape.transitions.indexOf(status.reason ?? "");
      this.#cells[at + PRIORITY] = status.priority;
      this.#cells[at + INTERFACE] = status.interfaceIndex;
      this.#cells[at + INTERVAL] = Math.round(status.activeIntervalMs * 1e3);
      this.#writeInstant(at + SINCE, status.since);
      this.#writeAddress(at + SOURCE, status.source);
    });
  }

  /** Publishes the last advertisement that was accepted from a peer. */
  setPeer(row: number, peer: PeerStatus): void {
    this.#write(row, (at) => {
      this.#cells[at + PEER_PRIORITY] = peer.priority;
      this.#cells[at + PEER_INTERVAL] = Math.round(peer.intervalMs * 1e3);
      this.#writeInstant(at + PEER_AT, peer.at);
      this.#writeAddress(at + PEER_ADDRESS, peer.address);
    });
  }

  /** Publishes that the peer has said the same again. */
  setPeerAt(row: number, at: number): void {
    const cells = row * COLUMNS;
    Atomics.add(this.#cells, cells + VERSION, 1);
    this.#writeInstant(cells + PEER_AT, at);
    Atomics.add(this.#cells, cells + VERSION, 1);
  }

  /**
   * Where a virtual router stands; before the speaker has said anything, `initialize` without
   * reason.
   */
  status(row: number): RouterStatus {
    return this.#read(row, (at) => ({
      state: STATES[this.#cells[at + STATE]!]!,
      reason: this.shape.transitions[this.#cells[at + REASON]! - 1] ?? null,
      priority: this.#cells[at + PRIORITY]!,
      interfaceIndex: this.#cells[at + INTERFACE]!,
      since: this.#readInstant(at + SINCE),
      activeIntervalMs: this.#cells[at + INTERVAL]! / 1e3,
      source: this.#readAddress(at + SOURCE),
    }));
  }

  /** The last advertisement accepted from a peer; `null` before the first. */
  peer(row: number): PeerStatus | null {
    return this.#read(row, (at) => {
      const address = this.#readAddress(at + PEER_ADDRESS);
      return address && {
        address,
        priority: this.#cells[at + PEER_PRIORITY]!,
        intervalMs: this.#cells[at + PEER_INTERVAL]! / 1e3,
        at: this.#readInstant(at + PEER_AT),
      };
    });
  }

  /** Adds to a counter. */
  count(row: number, counter: RouterCounter, amount = 1): void {
    this.#counters.add(0, row, ROUTER_COUNTERS.indexOf(counter), amount);
  }

  /** Counts an advertisement that was rejected for one of the shape's reasons. */
  countRejection(row: number, reason: string): void {
    this.#counters.add(0, row, this.#rejectionColumn(reason), 1);
  }

  /** Counts a change of state for one of the shape's reasons. */
  countTransition(row: number, reason: string): void {
    this.#counters.add(0, row, this.#transitionColumn(reason), 1);
  }

  /** Remembers the greatest lateness of a deadline. */
  noteLateness(row: number, latenessMs: number): void {
    const at = row * COLUMNS + MAX_LATENESS;
    const latenessUs = Math.min(Math.round(latenessMs * 1e3), 2 ** 31 - 1);
    if (latenessUs > Atomics.load(this.#cells, at)) Atomics.store(this.#cells, at, latenessUs);
  }

  /** The greatest lateness of a deadline so far, in milliseconds. */
  maxLatenessMs(row: number): number {
    return Atomics.load(this.#cells, row * COLUMNS + MAX_LATENESS) / 1e3;
  }

  /** Forgets all of a row that goes to another virtual router. Only while nobody writes it. */
  clear(row: number): void {
    this.#write(row, (at) => this.#cells.fill(0, at + VERSION + 1, at + COLUMNS));
    this.#counters.clear(row);
    this.advertisementAge.clear(row);
  }

  /** Completes what the speaker was writing when it died. Only once it is gone. */
  mend(): void {
    for (let row = 0; row < this.shape.routers; row++) {
      const at = row * COLUMNS + VERSION;
      Atomics.store(this.#cells, at, (Atomics.load(this.#cells, at) + 1) & ~1);
    }
    this.#counters.mend(0);
    this.advertisementAge.mend(0);
  }

  counter(row: number, counter: RouterCounter): number {
    return this.#counters.read(0, row, ROUTER_COUNTERS.indexOf(counter));
  }

  /** How many advertisements were rejected for `reason`. */
  rejections(row: number, reason: string): number {
    return this.#counters.read(0, row, this.#rejectionColumn(reason));
  }

  /** How many changes of state happened for `reason`. */
  transitions(row: number, reason: string): number {
    return this.#counters.read(0, row, this.#transitionColumn(reason));
  }

  #rejectionColumn(reason: string): number {
    return ROUTER_COUNTERS.length + known(this.shape.rejections, reason);
  }

  #transitionColumn(reason: string): number {
    const { rejections, transitions } = this.shape;
    return ROUTER_COUNTERS.length + rejections.length + known(transitions, reason);
  }

  #write(row: number, write: (at: number) => void): void {
    const at = row * COLUMNS;
    Atomics.add(this.#cells, at + VERSION, 1);
    write(at);
    Atomics.add(this.#cells, at + VERSION, 1);
  }

  #read<Value>(row: number, read: (at: number) => Value): Value {
    const at = row * COLUMNS;
    for (let attempt = 1;; attempt++) {
      const before = Atomics.load(this.#cells, at + VERSION);
      const value = read(at);
      const isWhole = (before & 1) === 0 && Atomics.load(this.#cells, at + VERSION) === before;
      if (isWhole || attempt === ATTEMPTS) return value;
    }
  }

  #writeInstant(at: number, instant: number): void {
    this.#cells[at] = Math.floor(instant / INSTANT_LOW);
    this.#cells[at + 1] = Math.floor(instant % INSTANT_LOW);
  }

  #readInstant(at: number): number {
    return this.#cells[at]! * INSTANT_LOW + this.#cells[at + 1]!;
  }

  /** Length in bytes first, then the bytes, one a cell. */
  #writeAddress(at: number, address: Uint8Array | null): void {
    this.#cells[at] = address?.length ?? 0;
    if (address) this.#cells.set(address, at + 1);
  }

  #readAddress(at: number): Uint8Array<ArrayBuffer> | null {
    const length = this.#cells[at]!;
    return length === 0 ? null : Uint8Array.from(this.#cells.subarray(at + 1, at + 1 + length));
  }
}

/**
 * The dimensions of a {@linkcode RouterTable}, its closed lists and, once it exists, its memory.
 */
export interface RouterTableShape {
  readonly routers: number;
  /** Every reason to reject an advertisement. */
  readonly rejections: readonly string[];
  /** Every reason of a change of state. */
  readonly transitions: readonly string[];
  readonly memory?: {
    readonly status: SharedArrayBuffer;
    readonly counters: SharedArrayBuffer;
    readonly ages: SharedArrayBuffer;
  };
}

/** Where a virtual router stands. */
export interface RouterStatus {
  readonly state: "initialize" | "backup" | "active";
  /**
   * Why it is there, one of the shape's `transitions`; `null` if it has never been anywhere else.
   */
  readonly reason: string | null;
  /** Effective. */
  readonly priority: number;
  /** The interface it runs on; 0 while there is none. */
  readonly interfaceIndex: number;
  /** When it came there: CLOCK_MONOTONIC, in whole milliseconds. */
  readonly since: number;
  /** The advertisement interval that timers follow: learned from the Active, or our own. */
  readonly activeIntervalMs: number;
  /** Our primary address; `null` while the interface is unusable. */
  readonly source: Uint8Array<ArrayBuffer> | null;
}

/** The last advertisement accepted from a peer. */
export interface PeerStatus {
  readonly address: Uint8Array<ArrayBuffer>;
  readonly priority: number;
  readonly intervalMs: number;
  /** When it was heard: CLOCK_MONOTONIC, in whole milliseconds. */
  readonly at: number;
}

/**
 * Counters of a virtual router besides rejections and transitions. `checksum…` count the forms seen
 * in accepted advertisements: with pseudo-header, without, and with the group's address in unicast.
 * `vipConflicts` are claims of our addresses by others while we are Active.
 */
export const ROUTER_COUNTERS = [
  "advertisementsSent",
  "advertisementsReceived",
  "priorityZeroSent",
  "priorityZeroReceived",
  "announcements",
  "sendErrors",
  "lateWakeups",
  "checksumPseudoHeader",
  "checksumPlain",
  "checksumGroup",
  "vipConflicts",
] as const;

/** One of {@linkcode ROUTER_COUNTERS}. */
export type RouterCounter = (typeof ROUTER_COUNTERS)[number];

function known(names: readonly string[], name: string): number {
  const index = names.indexOf(name);
  if (index < 0) throw new RangeError(`"${name}" is not in the closed list of this table`);
  return index;
}

const STATES = ["initialize", "backup", "active"] as const;

const ADDRESS_CELLS = 1 + 16;
const VERSION = 0;
const STATE = 1;
/** One more than its index in the closed list; 0 for none. */
const REASON = 2;
const PRIORITY = 3;
const INTERFACE = 4;
const INTERVAL = 5;
const SINCE = 6;
const SOURCE = 8;
const PEER_PRIORITY = SOURCE + ADDRESS_CELLS;
const PEER_INTERVAL = PEER_PRIORITY + 1;
const PEER_AT = PEER_PRIORITY + 2;
const PEER_ADDRESS = PEER_PRIORITY + 4;
const MAX_LATENESS = PEER_ADDRESS + ADDRESS_CELLS;
const COLUMNS = MAX_LATENESS + 1;

/** Milliseconds of looking again, where a change takes a microsecond: its writer is dead. */
const ATTEMPTS = 10_000;

/** An instant is kept in two cells: multiples of 2³⁰ ms, and the rest. */
const INSTANT_LOW = 2 ** 30;
