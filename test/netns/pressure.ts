/**
 * For how long programs of this machine had to wait for a CPU: what measures time is later by that.
 */

import { monotonicMs } from "../../src/linux/clock.ts";

/** The kernel's count of it, kept now and then. */
export class Pressure {
  readonly #kept: { readonly at: number; readonly totalMs: number }[] = [];

  constructor() {
    this.keep();
  }

  /** Call it often: {@linkcode since} is exact to the last call before. */
  keep(): void {
    const at = monotonicMs();
    if (at - (this.#kept.at(-1)?.at ?? -Infinity) < KEEP_EVERY_MS) return;
    this.#kept.push({ at, totalMs: totalMs() });
  }

  /** Milliseconds since an instant in which somebody waited for a CPU. */
  since(instant: number): number {
    const before = this.#kept.findLast(({ at }) => at <= instant) ?? this.#kept[0];
    return before ? totalMs() - before.totalMs : 0;
  }
}

/** @see Documentation/accounting/psi.rst; a kernel may have been built without it. */
function totalMs(): number {
  try {
    return Number(/^some .* total=(\d+)/.exec(Deno.readTextFileSync(FILE))?.[1]) / 1000;
  } catch {
    return 0;
  }
}

const FILE = "/proc/pressure/cpu";
const KEEP_EVERY_MS = 20;
