/**
 * Deadlines of many things at a constant cost each: a wheel of buckets. Pure; time is an argument.
 *
 * It fires at most one tick late and never early, except for deadlines beyond its span: those come
 * up early, once each turn of the wheel, and whoever scheduled them looks at the clock and waits
 * on.
 */

/** One deadline for each of a fixed number of entries. */
export class TimerWheel {
  readonly #heads: Int32Array = new Int32Array(BUCKETS).fill(NONE);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The tick an entry is due at; NONE while it is not scheduled. 32 bits would last two years. */
  readonly #due: Float64Array;
  readonly #startAt: number;
  /** The tick whose bucket is being emptied; all before it are empty. */
  #tick = 0;
  #scheduled = 0;

  /** @param now the beginning of time: no deadline lies before it. */
  constructor(entries: number, now: number) {
    this.#next = new Int32Array(entries).fill(NONE);
    this.#previous = new Int32Array(entries).fill(NONE);
    this.#due = new Float64Array(entries).fill(NONE);
    this.#startAt = now;
  }

  /** Sets the deadline of an entry, in place of the one it had. */
  schedule(entry: number, at: number): void {
    this.cancel(entry);
    const wanted = Math.ceil((at - this.#startAt) / TICK_MS);
    const due = Math.max(this.#tick, Math.min(wanted, this.#tick + BUCKETS - 1));
    const bucket = due & BUCKET_MASK;
    const head = this.#heads[bucket]!;
    this.#next[entry] = head;
    if (head !== NONE) this.#previous[head] = entry;
    this.#previous[entry] = NONE;
    this.#heads[bucket] = entry;
    this.#due[entry] = due;
    this.#scheduled++;
  }

  /** Forgets the deadline of an entry, if it has one. */
  cancel(entry: number): void {
    const due = this.#due[entry]!;
    if (due === NONE) return;
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#heads[due & BUCKET_MASK] = next;
    this.#due[entry] = NONE;
    this.#scheduled--;
  }

  /** When an entry comes up; infinite if it is not scheduled. */
  dueAt(entry: number): number {
    const due = this.#due[entry]!;
    return due === NONE ? Infinity : this.#startAt + due * TICK_MS;
  }

  /** Takes out one entry that is due by `now`; NONE (−1) when there is no more. */
  expire(now: number): number {
    const current = Math.floor((now - this.#startAt) / TICK_MS);
    for (;;) {
      const entry = this.#heads[this.#tick & BUCKET_MASK]!;
      // A bucket is emptied only once its tick has come: later ones of the same bucket do not
      // exist.
      if (entry !== NONE && this.#tick <= current) {
        this.cancel(entry);
        return entry;
      }
      if (this.#tick >= current) return NONE;
      // An empty wheel jumps.
      this.#tick = this.#scheduled === 0 ? current : this.#tick + 1;
    }
  }

  /** How long it is from `now` until an entry may come up: 0 to `limitMs`. */
  waitMs(now: number, limitMs: number): number {
    if (this.#scheduled === 0) return limitMs;
    const last = Math.ceil((now + limitMs - this.#startAt) / TICK_MS);
    for (let tick = this.#tick; tick <= last && tick < this.#tick + BUCKETS; tick++) {
      if (this.#heads[tick & BUCKET_MASK]! === NONE) continue;
      return Math.max(0, Math.min(limitMs, this.#startAt + tick * TICK_MS - now));
    }
    return limitMs;
  }
}

/** The resolution of deadlines. */
export const TICK_MS = 32;

/** With the tick this spans a minute: long deadlines cost one look a minute. */
const BUCKETS = 2048;
const BUCKET_MASK = BUCKETS - 1;
const NONE = -1;
