/**
 * How often somebody may do something. It knows nothing of what that is, and remembers only those
 * who have done it lately.
 */

/** So many at once, and so many a second in the long run. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A bucket for each key, full at first, that fills again by itself. */
export class Buckets {
  readonly #rate: Rate;
  readonly #now: () => number;
  /** When the bucket of a key is full again; in the order in which they were last used. */
  readonly #fullAt = new Map<string, number>();

  /** @param now monotonic, in milliseconds. */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Seconds until there is one again; 0 where there is one. */
  waitSeconds(key: string): number {
    const { burst, perSecond } = this.#rate;
    const fullInSeconds = ((this.#fullAt.get(key) ?? 0) - this.#now()) / 1_000;
    return Math.max(0, fullInSeconds - (burst - 1) / perSecond);
  }

  /** Takes one, if there is one. */
  take(key: string): void {
    if (this.waitSeconds(key) > 0) return;
    const now = this.#now();
    const fullAt = Math.max(now, this.#fullAt.get(key) ?? now) + 1_000 / this.#rate.perSecond;
    this.#fullAt.delete(key);
    this.#fullAt.set(key, fullAt);
    this.#forget(now);
  }

  #forget(now: number): void {
    for (const [key, fullAt] of this.#fullAt) {
      if (fullAt > now && this.#fullAt.size <= MOST_KEYS) return;
      this.#fullAt.delete(key);
    }
  }
}

/** Who comes from more addresses than this has the longest unused forgotten. */
const MOST_KEYS = 10_000;
