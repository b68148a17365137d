/**
 * Who may come in, over all workers: how many connections there are in the whole process and in
 * each frontend, how fast new ones come, and which workers have clients wait outside. Limits
 * themselves are for the caller to say.
 */

/** The dimensions of an {@linkcode Admission} table and, once it exists, its memory. */
export interface AdmissionShape {
  readonly workers: number;
  readonly frontends: number;
  readonly buffer?: SharedArrayBuffer;
}

/**
 * Gates, each with its count: one of the whole process and one of each frontend.
 *
 * Writers: counts, rates and the number of those who wait, all data-plane workers, atomically;
 * eventfds, the main thread; everything else, the worker that it is of, and the main thread once
 * that worker is gone.
 */
export class Admission {
  readonly shape: AdmissionShape;
  readonly #workers: number;
  readonly #gates: number;
  /** Open connections by gate, workers that wait by gate, rates by gate. */
  readonly #sums: Int32Array<SharedArrayBuffer>;
  /** By worker: open connections by gate, whether it waits by gate, its eventfd. */
  readonly #own: Int32Array<SharedArrayBuffer>;

  constructor({ workers, frontends, buffer }: AdmissionShape) {
    const gates = 1 + frontends;
    const sums = 3 * gates;
    const cells = sums + workers * (2 * gates + 1);
    const memory = buffer ?? new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT);
    this.shape = { workers, frontends, buffer: memory };
    this.#workers = workers;
    this.#gates = gates;
    this.#sums = new Int32Array(memory, 0, sums);
    this.#own = new Int32Array(memory, sums * Int32Array.BYTES_PER_ELEMENT);
  }

  /** How many connections are open behind a gate. */
  open(gate: number): number {
    return Atomics.load(this.#sums, gate);
  }

  /** Counts one more open connection, unless there are as many as `limit`. */
  claim(worker: number, gate: number, limit: number): boolean {
    for (let open = this.open(gate); open < limit;) {
      const found = Atomics.compareExchange(this.#sums, gate, open, open + 1);
      if (found === open) {
        Atomics.add(this.#own, this.#at(worker, gate), 1);
        return true;
      }
      open = found;
    }
    return false;
  }

  /**
   * Counts so many more open connections of a worker, or less, whatever the limit: they have been
   * there without being counted, or are not to be counted any more.
   */
  adopt(worker: number, gate: number, change: number): void {
    Atomics.add(this.#own, this.#at(worker, gate), change);
    Atomics.add(this.#sums, gate, change);
  }

  /** Counts one open connection less. @returns whether some worker waits for that. */
  release(worker: number, gate: number): boolean {
    Atomics.sub(this.#own, this.#at(worker, gate), 1);
    Atomics.sub(this.#sums, gate, 1);
    return Atomics.load(this.#sums, this.#gates + gate) > 0;
  }

  /** Says whether the worker waits for room behind a gate. */
  setWaiting(worker: number, gate: number, isWaiting: boolean): void {
    const at = this.#at(worker, this.#gates + gate);
    const before = Atomics.exchange(this.#own, at, isWaiting ? 1 : 0);
    Atomics.add(this.#sums, this.#gates + gate, (isWaiting ? 1 : 0) - before);
  }

  /** Whether a worker waits for room behind a gate. */
  isWaiting(worker: number, gate: number): boolean {
    return Atomics.load(this.#own, this.#at(worker, this.#gates + gate)) === 1;
  }

  /** Makes known by which eventfd a worker is woken. */
  setWake(worker: number, fd: number): void {
    Atomics.store(this.#own, this.#at(worker, 2 * this.#gates), fd);
  }

  /** The eventfd of a worker; 0 when it is not known. */
  wake(worker: number): number {
    return Atomics.load(this.#own, this.#at(worker, 2 * this.#gates));
  }

  /**
   * Lets one more connection in, or says when: so many a second, and a tenth of that at once. All
   * workers have the same clock, but some look at it earlier than others.
   *
   * The cell is the instant at which the next one is due if they come evenly (the "generic cell
   * rate algorithm", ITU-T I.371), in units that wrap; 0 if there is none, or it has passed.
   *
   * @param now milliseconds, of a clock that all workers share.
   * @returns 0, or how many milliseconds are left until one may come.
   */
  admit(gate: number, now: number, ratePerSecond: number): number {
    const at = 2 * this.#gates + gate;
    const interval = intervalOf(ratePerSecond);
    const tolerance = interval * Math.max(0, Math.floor(ratePerSecond / 10) - 1);
    const present = Math.floor(now * UNITS_PER_MS) | 0;
    for (let before = Atomics.load(this.#sums, at);;) {
      const ahead = before === 0 ? 0 : Math.max(0, before - present | 0);
      if (ahead > tolerance) return (ahead - tolerance) / UNITS_PER_MS;
      const next = (present + ahead + interval | 0) || 1;
      const found = Atomics.compareExchange(this.#sums, at, before, next);
      if (found === before) return 0;
      before = found;
    }
  }

  /** Takes back what {@linkcode admit} has granted: nobody has come in. */
  refund(gate: number, ratePerSecond: number): void {
    const at = 2 * this.#gates + gate;
    for (let before = Atomics.load(this.#sums, at); before !== 0;) {
      const next = (before - intervalOf(ratePerSecond) | 0) || 1;
      const found = Atomics.compareExchange(this.#sums, at, before, next);
      if (found === before) return;
      before = found;
    }
  }

  /**
   * Forgets instants that have passed. Call it at least every ten seconds: half a minute later they
   * would look like instants to come.
   */
  forgetPast(now: number): void {
    const present = Math.floor(now * UNITS_PER_MS) | 0;
    for (let at = 2 * this.#gates; at < 3 * this.#gates; at++) {
      const before = Atomics.load(this.#sums, at);
      if (before === 0 || (before - present | 0) >= 0) continue;
      Atomics.compareExchange(this.#sums, at, before, 0);
    }
  }

  /** Forgets the connections of a worker, and that it waits. Only once it is gone. */
  forget(worker: number): void {
    for (let gate = 0; gate < this.#gates; gate++) {
      const open = Atomics.exchange(this.#own, this.#at(worker, gate), 0);
      if (open !== 0) Atomics.sub(this.#sums, gate, open);
      this.setWaiting(worker, gate, false);
    }
  }

  /** All workers of the table, for those who wake them. */
  get workers(): number {
    return this.#workers;
  }

  #at(worker: number, cell: number): number {
    return worker * (2 * this.#gates + 1) + cell;
  }
}

function intervalOf(ratePerSecond: number): number {
  return Math.ceil(UNITS_PER_MS * 1e3 / ratePerSecond);
}

/** The gate of the whole process. */
export const PROCESS_GATE = 0;

/** The gate of a frontend. */
export function gateOf(frontend: number): number {
  return 1 + frontend;
}

/** Instants wrap after a minute; rates of a million a second are still told apart. */
const UNITS_PER_MS = 64_000;
