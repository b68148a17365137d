/**
 * 64-bit counters in shared memory. Each stripe has one writer, any thread may read; nothing locks.
 */

/**
 * A table of counters: `rows` × `columns`, once for each stripe. A stripe belongs to one writing
 * thread; readers add the stripes up.
 *
 * A counter is two 32-bit cells. The sign bit of the upper one says that the lower one is wrapping,
 * so that a sum never jumps by 2³². Readers wait for nobody, not even for a writer that has died in
 * the middle of it.
 */
export class Counters {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #rows: number;
  readonly #columns: number;
  readonly #stripes: number;

  /** Lays a table over `shape.buffer`, or over new zeroed memory where the shape has none. */
  constructor(shape: CountersShape) {
    const { rows, columns, stripes } = shape;
    this.buffer = shape.buffer ?? new SharedArrayBuffer(rows * columns * stripes * COUNTER_BYTES);
    this.#cells = new Int32Array(this.buffer);
    this.#rows = rows;
    this.#columns = columns;
    this.#stripes = stripes;
  }

  /** What another thread needs to lay the same table over the same memory. */
  get shape(): CountersShape {
    return {
      rows: this.#rows,
      columns: this.#columns,
      stripes: this.#stripes,
      buffer: this.buffer,
    };
  }

  /** Adds 0 ≤ `amount` < 2³¹. Only the stripe's own thread may call it. */
  add(stripe: number, row: number, column: number, amount: number): void {
    const at = this.#at(stripe, row, column);
    const before = Atomics.load(this.#cells, at);
    const after = (before + amount) | 0;
    if (after >>> 0 >= before >>> 0) {
      Atomics.store(this.#cells, at, after);
      return;
    }
    const upper = Atomics.load(this.#cells, at + 1);
    Atomics.store(this.#cells, at + 1, upper | CARRYING);
    Atomics.store(this.#cells, at, after);
    Atomics.store(this.#cells, at + 1, (upper + 1) & ~CARRYING);
  }

  /** One stripe's count. */
  read(stripe: number, row: number, column: number): number {
    const at = this.#at(stripe, row, column);
    // Only a writer that moves on, by 2³², makes a reader look again.
    for (;;) {
      const upper = Atomics.load(this.#cells, at + 1);
      const lower = Atomics.load(this.#cells, at);
      if (Atomics.load(this.#cells, at + 1) === upper) {
        return settled(upper, lower) * 0x1_0000_0000 + (lower >>> 0);
      }
    }
  }

  /** The sum over all stripes. */
  total(row: number, column: number): number {
    let sum = 0;
    for (let stripe = 0; stripe < this.#stripes; stripe++) sum += this.read(stripe, row, column);
    return sum;
  }

  /**
   * Completes what a stripe's thread was doing when it died. Only once it is gone, and before
   * anybody else adds to the stripe.
   */
  mend(stripe: number): void {
    const end = this.#at(stripe + 1, 0, 0);
    for (let at = this.#at(stripe, 0, 0); at < end; at += 2) {
      this.#cells[at + 1] = settled(this.#cells[at + 1]!, this.#cells[at]!);
    }
  }

  /** Sets a row to zero in every stripe. Only while no thread writes it. */
  clear(row: number): void {
    for (let stripe = 0; stripe < this.#stripes; stripe++) {
      const at = this.#at(stripe, row, 0);
      this.#cells.fill(0, at, at + 2 * this.#columns);
    }
  }

  #at(stripe: number, row: number, column: number): number {
    return 2 * ((stripe * this.#rows + row) * this.#columns + column);
  }
}

/** The dimensions of a {@linkcode Counters} table and, once it exists, its memory. */
export interface CountersShape {
  readonly rows: number;
  readonly columns: number;
  readonly stripes: number;
  readonly buffer?: SharedArrayBuffer;
}

/**
 * The upper half as it is to be read. What is added is less than 2³¹, so that a lower half that is
 * about to wrap has its highest bit set, and one that has wrapped has not.
 */
function settled(upper: number, lower: number): number {
  if (upper >= 0) return upper;
  return (upper & ~CARRYING) + (lower < 0 ? 0 : 1);
}

const COUNTER_BYTES = 8;
const CARRYING = 0x8000_0000 | 0;
