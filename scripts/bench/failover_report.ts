/**
 * The failover bench's figures: medians with the least and the most, by what the pairs were
 * configured to, by what happened, and by who was Active and who Backup.
 */

import { type EventName, EVENTS, type Pair, type Round, type Sample } from "./failover_events.ts";
import type { Terms } from "./failover_nodes.ts";

/** All rounds of one pair under one configuration. */
export interface Measured {
  readonly terms: Terms;
  readonly pair: Pair;
  readonly rounds: readonly Round[];
}

/** A median, and what it lies between. */
interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Everything as plain data, for `--json`; an infinite figure is `null`. */
export function summary(measured: readonly Measured[]) {
  return measured.map(({ terms, pair: [active, backup], rounds }) => ({
    ...terms,
    active,
    backup,
    events: Object.fromEntries(EVENTS.map((event) => [event, {
      gapMs: figureOf(rounds, event, "gapMs"),
      twoOwnersMs: figureOf(rounds, event, "twoOwnersMs"),
      ...(event === "graceful stop" ? { takenMs: figureOf(rounds, event, "takenMs") } : {}),
      ...(event === "SIGKILL" ? { staleMs: figureOf(rounds, event, "staleMs") } : {}),
    }])),
    cpuPercent: {
      active: figure(rounds.map(({ cpuPercent }) => cpuPercent.active)),
      backup: figure(rounds.map(({ cpuPercent }) => cpuPercent.backup)),
    },
    rounds: rounds.map(({ samples, cpuPercent }) => ({
      samples: Object.fromEntries(samples),
      cpuPercent,
    })),
  }));
}

/** The medians as tables to read, one for each configuration. */
export function tables(measured: readonly Measured[]): string {
  const all = [...new Set(measured.map(({ terms }) => terms))];
  return all.map((terms) => table(terms, measured.filter((one) => one.terms === terms)))
    .join("\n\n");
}

/** What a configuration is called. */
export function termsName({ version, intervalMs }: Terms): string {
  return `v${version}, ${intervalMs < 1000 ? `${intervalMs} ms` : `${intervalMs / 1000} s`}`;
}

/** What a pair is called. */
export function pairName([active, backup]: Pair): string {
  return `${active} – ${backup}`;
}

function table(terms: Terms, measured: readonly Measured[]): string {
  const head = [`VRRP${termsName(terms)}`, "", ...measured.map(({ pair }) => pairName(pair))];
  const row = (event: EventName, name: string, key: keyof Sample) => [
    key === "gapMs" ? event : "",
    name,
    ...measured.map(({ rounds }) => text(figureOf(rounds, event, key))),
  ];
  const rows = EVENTS.flatMap((event) => [
    row(event, "dark", "gapMs"),
    ...(event === "nothing" ? [] : [row(event, "two owners", "twoOwnersMs")]),
    ...(event === "graceful stop" ? [row(event, "Backup has it after", "takenMs")] : []),
    ...(event === "SIGKILL" ? [row(event, "gone by itself after", "staleMs")] : []),
  ]);
  const cpu = (node: "active" | "backup") =>
    measured.map(({ rounds }) => {
      const { median } = figure(rounds.map(({ cpuPercent }) => cpuPercent[node]));
      return `${median.toFixed(3)} %`;
    });
  return aligned([head, ...rows, ["CPU", "Active", ...cpu("active")], [
    "",
    "Backup",
    ...cpu("backup"),
  ]]);
}

function figureOf(rounds: readonly Round[], event: EventName, key: keyof Sample): Figure {
  return figure(rounds.flatMap(({ samples }) => samples.get(event)?.[key] ?? []));
}

function figure(numbers: readonly number[]): Figure {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const odd = sorted.length % 2 === 1;
  return {
    median: odd ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
  };
}

function text({ median, min, max }: Figure): string {
  if (min === Infinity) return "never";
  return `${short(median)} [${short(min)}–${short(max)}]`;
}

function short(ms: number): string {
  return ms === Infinity ? "never" : ms.toFixed(0);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  ).join("\n");
}
