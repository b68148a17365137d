/**
 * What V8 tells of its garbage collections (`--trace-gc`): what was thrown away had been allocated.
 */

/** One collection in one thread's heap. */
export interface Collection {
  /** Of the thread. */
  readonly isolate: string;
  /** Since the thread's heap was made. */
  readonly atMs: number;
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/** Reads all lines about collections in what a process has printed. */
export function collections(output: string): Collection[] {
  return [...output.matchAll(LINE)].map(([, isolate = "", at, before, after]) => ({
    isolate,
    atMs: Number(at),
    beforeBytes: Number(before) * 1e6,
    afterBytes: Number(after) * 1e6,
  }));
}

/**
 * What was allocated in each thread, by thread: between collections of which the later one was in
 * the time that is asked for.
 */
export function allocated(
  seen: readonly Collection[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Map<string, number> {
  const sums = new Map<string, number>();
  const kept = new Map<string, number>();
  for (const { isolate, atMs, beforeBytes, afterBytes } of seen) {
    const grown = beforeBytes - (kept.get(isolate) ?? beforeBytes);
    kept.set(isolate, afterBytes);
    if (atMs > fromMs && atMs < toMs) sums.set(isolate, (sums.get(isolate) ?? 0) + grown);
  }
  return sums;
}

/** `[7:0x7f07fc0ca000] 155 ms: Scavenge 4.4 (5.5) -> 3.8 (6.0) MB, …`. */
const LINE = /^\[\d+:(0x[0-9a-f]+)\]\s+(\d+) ms: [^\d]+ ([\d.]+) \([\d.]+\) -> ([\d.]+) /gm;
