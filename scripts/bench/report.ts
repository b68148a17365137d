/**
 * The bench's figures: medians over the rounds, and how lintel's CPU time stands to HAProxy's.
 */

import type { Load, Sample } from "./load.ts";

/** One kind of load: each balancer's samples, by name. */
export interface Measured {
  readonly load: Load;
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

/** Everything as plain data, for `--json`. */
export function summary(measured: readonly Measured[]) {
  return measured.map(({ load, samples }) => ({
    load: load.name,
    unit: load.unit,
    medians: Object.fromEntries([...samples].map(([name, list]) => [name, medians(list)])),
    cpuRatio: ratio(samples),
    rounds: Object.fromEntries(samples),
  }));
}

/** The medians as a table to read. */
export function table(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ load, samples }) =>
    [...samples].map(([name, list]) => {
      const { cpuMicroseconds, unitsPerSecond, p50Microseconds, p99Microseconds } = medians(list);
      return [
        load.name,
        name,
        `${cpuMicroseconds.toFixed(1)} µs/${load.unit}`,
        `${Math.round(unitsPerSecond)}/s`,
        `${p50Microseconds} µs`,
        `${p99Microseconds} µs`,
        name === OURS ? ratio(samples).toFixed(2) : "1.00",
      ];
    })
  );
  const all = [["load", "balancer", "CPU time", "rate", "p50", "p99", "CPU ratio"], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trim())
    .join("\n");
}

/** How many requests failed, of anybody's. */
export function errors(measured: readonly Measured[]): number {
  const all = measured.flatMap(({ samples }) => [...samples.values()].flat());
  return all.reduce((sum, sample) => sum + sample.errors, 0);
}

function ratio(samples: Measured["samples"]): number {
  const ours = medians(samples.get(OURS) ?? []).cpuMicroseconds;
  return ours / medians(samples.get(THEIRS) ?? []).cpuMicroseconds;
}

function medians(samples: readonly Sample[]): Omit<Sample, "errors"> {
  const of = (key: keyof Sample) => median(samples.map((sample) => sample[key]));
  return {
    cpuMicroseconds: of("cpuMicroseconds"),
    unitsPerSecond: of("unitsPerSecond"),
    p50Microseconds: of("p50Microseconds"),
    p99Microseconds: of("p99Microseconds"),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const OURS = "lintel";
const THEIRS = "HAProxy";
