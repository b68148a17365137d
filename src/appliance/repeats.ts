/**
 * Keeps a line that comes again and again from filling the log: the first few of a period are
 * written, the others counted and summed up at its end. It writes nothing itself.
 */

/** The lines of the last period. */
export class Repeats<Line> {
  readonly #seen = new Map<string, { count: number; last: Line }>();
  readonly #onHeldBack: (last: Line, count: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onHeldBack told at the end of a period of a line that was held back so many times. */
  constructor(onHeldBack: (last: Line, count: number) => void) {
    this.#onHeldBack = onHeldBack;
  }

  /** Counts a line; those of one key are the same. @returns whether it is to be written. */
  admit(key: string, last: Line): boolean {
    const count = (this.#seen.get(key)?.count ?? 0) + 1;
    // So many different lines are no repeats, and keeping them all would be a leak.
    if (count === 1 && this.#seen.size >= MAX_KEYS) return true;
    this.#seen.set(key, { count, last });
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#end(), PERIOD_MS);
      Deno.unrefTimer(this.#timer);
    }
    return count <= MAX_LINES;
  }

  #end(): void {
    const seen = [...this.#seen.values()];
    this.#seen.clear();
    this.#timer = undefined;
    for (const { count, last } of seen) {
      if (count > MAX_LINES) this.#onHeldBack(last, count - MAX_LINES);
    }
  }
}

/** Lines of one key in a period. */
export const MAX_LINES = 10;
export const PERIOD_MS = 10_000;
const MAX_KEYS = 1_000;
