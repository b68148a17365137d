/**
 * The first of many entries by an order that keeps changing: a tree of matches in which each entry
 * that changes plays its own matches anew. Pure.
 */

/** A fixed number of entries, of which some take part. */
export class Tournament {
  readonly #isBefore: (entry: number, other: number) => boolean;
  /** The winner of each match; the entries follow. The match of 2n and 2n + 1 is n, the final 1. */
  readonly #winners: Int32Array;
  readonly #leaves: number;

  /** @param isBefore whether an entry is to win against another one. */
  constructor(entries: number, isBefore: (entry: number, other: number) => boolean) {
    this.#isBefore = isBefore;
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, entries)));
    this.#winners = new Int32Array(2 * this.#leaves).fill(NOBODY);
  }

  /** The first of those that take part; {@linkcode NOBODY} when none does. */
  get first(): number {
    return this.#winners[1]!;
  }

  /** Whether an entry takes part. */
  has(entry: number): boolean {
    return this.#winners[this.#leaves + entry] !== NOBODY;
  }

  /** Lets an entry take part or not. Call it also when its place in the order has changed. */
  set(entry: number, isIn: boolean): void {
    const winners = this.#winners;
    winners[this.#leaves + entry] = isIn ? entry : NOBODY;
    for (let match = (this.#leaves + entry) >> 1; match > 0; match >>= 1) {
      const left = winners[2 * match]!;
      const right = winners[2 * match + 1]!;
      const rightWins = left === NOBODY || right !== NOBODY && this.#isBefore(right, left);
      winners[match] = rightWins ? right : left;
    }
  }
}

/** No entry. */
export const NOBODY = -1;
