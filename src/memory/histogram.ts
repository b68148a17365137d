/**
 * Histograms in shared memory, for what Prometheus wants to see as buckets.
 */

import { Counters, type CountersShape } from "./counters.ts";

/**
 * One histogram a row, in seconds, over fixed bounds. Each stripe has one writer.
 */
export class Histogram {
  /** Upper bounds in seconds, inclusive, ascending; the last bucket, +Inf, is not among them. */
  readonly bounds: readonly number[];
  readonly #counters: Counters;

  constructor({ bounds, rows, stripes, buffer }: HistogramShape) {
    this.bounds = bounds;
    const columns = bounds.length + 2;
    this.#counters = new Counters({ rows, columns, stripes, ...(buffer && { buffer }) });
  }

  /** What another thread needs to lay the same histograms over the same memory. */
  get shape(): HistogramShape {
    const { rows, stripes, buffer } = this.#counters.shape;
    return { bounds: this.bounds, rows, stripes, ...(buffer && { buffer }) };
  }

  /**
   * Counts one value, less than half an hour. Only the stripe's own thread may call it.
   *
   * @param valueMs in milliseconds: a whole number can be handed on without an allocation.
   */
  observe(stripe: number, row: number, valueMs: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && valueMs > this.bounds[bucket]! * 1e3) bucket++;
    this.#counters.add(stripe, row, bucket, 1);
    this.#counters.add(stripe, row, this.bounds.length + 1, Math.round(valueMs * 1e3));
  }

  /** Completes what a stripe's thread was doing when it died: see {@linkcode Counters.mend}. */
  mend(stripe: number): void {
    this.#counters.mend(stripe);
  }

  /** Sets a row to zero. Only while no thread writes it. */
  clear(row: number): void {
    this.#counters.clear(row);
  }

  /** Counts by bucket, not cumulated, +Inf last; and the sum of all values in seconds. */
  read(row: number): { readonly counts: readonly number[]; readonly sum: number } {
    const counts = Array.from(
      { length: this.bounds.length + 1 },
      (_, bucket) => this.#counters.total(row, bucket),
    );
    return { counts, sum: this.#counters.total(row, this.bounds.length + 1) / 1e6 };
  }
}

/** Bounds and dimensions of a {@linkcode Histogram} and, once it exists, its memory. */
export type HistogramShape = Pick<CountersShape, "rows" | "stripes" | "buffer"> & {
  readonly bounds: readonly number[];
};
