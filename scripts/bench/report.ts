/**
 * The bench's figures: medians over the rounds, how they stand to HAProxy's, and which goals are
 * met.
 */

import { HAPROXY, HAPROXY_BEST, isOurs } from "./balancers.ts";
import { type Goal, type Measured, NOBODY, type Sample, type Workload } from "./workload.ts";

/** A goal, and how far one of our variants is. */
interface Verdict {
  readonly goal: Goal;
  readonly name: string;
  readonly ratio: number;
  readonly isMet: boolean;
}

/** Everything as plain data, for `--json`. */
export function summary(measured: readonly Measured[]) {
  return measured.map((one) => ({
    workload: one.workload.name,
    unit: one.workload.unit,
    variants: Object.fromEntries(
      [...one.samples].map(([name, samples]) => [name, {
        ...medians(samples),
        added: added(one, name),
        costRatio: ratio(one, "cost", name, HAPROXY.name),
        costRatioToBest: ratio(one, "cost", name, HAPROXY_BEST.name),
        rounds: samples,
      }]),
    ),
    goals: verdicts(one).map(({ goal, ...verdict }) => ({ ...goal, ...verdict })),
  }));
}

/** The medians as tables to read, one for each workload, and the goals. */
export function tables(measured: readonly Measured[]): string {
  const goals = measured.flatMap((one) =>
    verdicts(one).map(({ goal, name, ratio, isMet }) => [
      isMet ? "met" : "MISSED",
      one.workload.name,
      `${name}: ${goal.figure} ${ratio.toFixed(2)} of ${goal.than}`,
      `at most ${goal.atMost.toFixed(2)}`,
    ])
  );
  return [...measured.map(table), aligned([["goal", "", "", ""], ...goals])].join("\n\n");
}

/** How many requests failed, of anybody's. */
export function errors(measured: readonly Measured[]): number {
  const all = measured.flatMap(({ samples }) => [...samples.values()].flat());
  return all.reduce((sum, sample) => sum + sample.errors, 0);
}

function table(one: Measured): string {
  const { workload } = one;
  const rows = [...one.samples].map(([name, samples]) => {
    const figures = medians(samples);
    return [
      name,
      name === NOBODY ? "" : figures.cost.toFixed(1),
      text(ratio(one, "cost", name, HAPROXY.name), 2),
      text(ratio(one, "cost", name, HAPROXY_BEST.name), 2),
      text(figures.total, 1),
      text(added(one, name), 1),
      text(figures.perSecond, 0),
      text(figures.p50, 0),
      text(figures.p99, 0),
    ];
  });
  return aligned([[...head(workload)], ...rows]);
}

function head({ name, unit }: Workload): string[] {
  return [
    name,
    unit,
    "of HAProxy",
    "of best",
    "all hosts",
    "added",
    "per second",
    "p50 µs",
    "p99 µs",
  ];
}

function verdicts(one: Measured): Verdict[] {
  const ours = [...one.samples.keys()].filter(isOurs);
  return one.workload.goals.flatMap((goal) =>
    ours.map((name) => {
      const reached = ratio(one, goal.figure, name, goal.than) ?? NaN;
      return { goal, name, ratio: reached, isMet: reached <= goal.atMost };
    })
  );
}

/** What a balancer adds to what client and server spend anyway. */
function added({ samples }: Measured, name: string): number | undefined {
  const total = medians(samples.get(name) ?? []).total;
  const floor = medians(samples.get(NOBODY) ?? []).total;
  return total === undefined || floor === undefined ? undefined : total - floor;
}

function ratio(
  { samples }: Measured,
  figure: Goal["figure"],
  name: string,
  than: string,
): number | undefined {
  if (name === NOBODY) return undefined;
  const left = medians(samples.get(name) ?? [])[figure];
  const right = medians(samples.get(than) ?? [])[figure];
  return left === undefined || right === undefined ? undefined : left / right;
}

/** Of the figures that there are. */
function medians(samples: readonly Sample[]): Sample {
  const of = (key: keyof Sample) => {
    const numbers = samples.flatMap((sample) => sample[key] ?? []);
    return numbers.length === 0 ? {} : { [key]: median(numbers) };
  };
  return {
    cost: NaN,
    ...of("cost"),
    ...of("total"),
    ...of("perSecond"),
    ...of("p50"),
    ...of("p99"),
    ...of("resident"),
    errors: samples.reduce((sum, sample) => sum + sample.errors, 0),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function text(figure: number | undefined, digits: number): string {
  return figure === undefined || Number.isNaN(figure) ? "" : figure.toFixed(digits);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  ).join("\n");
}
