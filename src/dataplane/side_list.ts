/**
 * Sides, or slots, that somebody will come back to: each is in a list once at most. It allocates
 * nothing after its start.
 */

/** First in, first out. */
export class SideList {
  readonly #items: Int32Array;
  readonly #isIn: Uint8Array;
  #start = 0;
  #count = 0;

  /** @param capacity items are from 0 to below this. */
  constructor(capacity: number) {
    this.#items = new Int32Array(capacity);
    this.#isIn = new Uint8Array(capacity);
  }

  /** How many are in the list. */
  get count(): number {
    return this.#count;
  }

  /** Puts one in, unless it is in already. */
  add(item: number): void {
    if (this.#isIn[item] === 1) return;
    this.#isIn[item] = 1;
    const place = this.#start + this.#count++;
    this.#items[place < this.#items.length ? place : place - this.#items.length] = item;
  }

  /** Takes the first one out. There must be one. */
  take(): number {
    const item = this.#items[this.#start]!;
    this.#start = this.#start + 1 === this.#items.length ? 0 : this.#start + 1;
    this.#count--;
    this.#isIn[item] = 0;
    return item;
  }
}
