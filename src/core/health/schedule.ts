/**
 * Which of many deadlines comes next. Has no clock: instants come from the caller.
 */

/**
 * One deadline at most for each key from 0 to `capacity` − 1, in a binary heap. Allocates nothing
 * after it is made.
 */
export class Schedule {
  /** Keys; each deadline is no later than those of its two children. */
  readonly #heap: Uint32Array;
  /** By key: where it stands in the heap, or `ABSENT`. */
  readonly #place: Int32Array;
  /** By key: its deadline. */
  readonly #at: Float64Array;
  #size = 0;

  constructor(capacity: number) {
    this.#heap = new Uint32Array(capacity);
    this.#place = new Int32Array(capacity).fill(ABSENT);
    this.#at = new Float64Array(capacity);
  }

  /** Gives `key` a deadline, in place of the one it has. */
  set(key: number, at: number): void {
    if (this.#place[key] === ABSENT) this.#put(key, this.#size++);
    this.#at[key] = at;
    this.#settle(this.#place[key]!);
  }

  /** Takes the deadline of `key` away, if it has one. */
  remove(key: number): void {
    const place = this.#place[key]!;
    if (place === ABSENT) return;
    this.#place[key] = ABSENT;
    const last = this.#heap[--this.#size]!;
    if (last === key) return;
    this.#put(last, place);
    this.#settle(place);
  }

  /** The earliest deadline; `Infinity` where there is none. */
  nextAt(): number {
    return this.#size === 0 ? Infinity : this.#at[this.#heap[0]!]!;
  }

  /** Takes out the key with the earliest deadline, if that is not after `now`. */
  takeDue(now: number): number | undefined {
    if (this.#size === 0 || this.nextAt() > now) return undefined;
    const key = this.#heap[0]!;
    this.remove(key);
    return key;
  }

  #put(key: number, place: number): void {
    this.#heap[place] = key;
    this.#place[key] = place;
  }

  /** Moves what stands at `place` up or down to where it belongs. */
  #settle(place: number): void {
    const key = this.#heap[place]!;
    let free = place;
    while (free > 0 && this.#before(key, this.#heap[(free - 1) >> 1]!)) {
      this.#put(this.#heap[(free - 1) >> 1]!, free);
      free = (free - 1) >> 1;
    }
    for (;;) {
      const child = this.#earlierChild(free);
      if (child === undefined || !this.#before(this.#heap[child]!, key)) break;
      this.#put(this.#heap[child]!, free);
      free = child;
    }
    this.#put(key, free);
  }

  #earlierChild(place: number): number | undefined {
    const left = 2 * place + 1;
    if (left >= this.#size) return undefined;
    const right = left + 1;
    return right < this.#size && this.#before(this.#heap[right]!, this.#heap[left]!) ? right : left;
  }

  #before(left: number, right: number): boolean {
    return this.#at[left]! < this.#at[right]!;
  }
}

const ABSENT = -1;
