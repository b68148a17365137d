/**
 * `deno task bench failover`: pairs of lintel and Keepalived, and both mixed pairs, in turn on this
 * machine, as root.
 *
 *     deno task bench failover [--json] [--quick] [--rounds 5] [--only TEXT]
 *
 * Each round of each pair takes place in a lab of its own, and the order rotates, so that whatever
 * else this machine does meets all of them. `--quick` is one round of each at v3 1 s and 10 ms.
 * `--only` keeps the configurations and pairs whose name has the text in it, such as `v3, 10 ms` or
 * `lintel – lintel`. What is measured is the client's: a datagram every two milliseconds to an echo
 * on each node, which stands for the service, and dies and hangs with its daemon. Beside it stands
 * for how long both kernels held the address. It prints figures; it is not a test that can fail.
 */

import { parseArgs } from "node:util";
import { compile } from "../compile.ts";
import { print } from "../lab/print.ts";
import { installPackages } from "../packages.ts";
import { type Course, type Pair, type Round, round } from "./failover_events.ts";
import type { Terms } from "./failover_nodes.ts";
import { type Measured, pairName, summary, tables, termsName } from "./failover_report.ts";

/** How much is measured. */
interface Options {
  readonly json: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  readonly only: string;
}

/** Runs the bench. @returns the exit code. */
export async function failover(
  args: readonly string[],
  say: (line: string) => void,
): Promise<number> {
  const options = parse(args);
  if (!options) {
    say("usage: deno task bench failover [--json] [--quick] [--rounds N] [--only TEXT]");
    return 2;
  }
  await installPackages(say);
  const lintel = await compile(say);
  const plan = cells(options);
  const seconds = options.rounds * plan.reduce((sum, { terms }) => sum + expected(terms), 0);
  say(`${plan.length} pairs, ${options.rounds} rounds: about ${Math.ceil(seconds / 60)} minutes`);
  const loadBefore = Deno.loadavg();
  const { measured, failed } = await measureAll(plan, options, lintel, say);
  const loadAverage = { before: loadBefore, after: Deno.loadavg() };
  if (options.json) {
    const { rounds } = options;
    print(JSON.stringify({ rounds, failed, loadAverage, results: summary(measured) }, null, 2));
  } else {
    print(EXPLANATION);
    print(tables(measured));
    print(`\nload average before ${loadBefore.join(" ")}, after ${Deno.loadavg().join(" ")}`);
  }
  for (const line of failed) say(`failed: ${line}`);
  return failed.length === 0 ? 0 : 1;
}

async function measureAll(
  plan: readonly Cell[],
  { rounds, quick }: Options,
  lintel: string,
  say: (line: string) => void,
): Promise<{ measured: Measured[]; failed: string[] }> {
  const results = plan.map((cell) => ({ ...cell, rounds: [] as Round[] }));
  const failed: string[] = [];
  for (let count = 0; count < rounds; count++) {
    for (let turn = 0; turn < results.length; turn++) {
      const cell = results[(turn + count) % results.length]!;
      const name = `round ${count + 1}, ${termsName(cell.terms)}, ${pairName(cell.pair)}`;
      try {
        const result = await round(cell.pair, cell.terms, lintel, {
          ...(quick ? HASTE : PATIENCE),
          round: count,
        });
        cell.rounds.push(result);
        say(`${name}: ${brief(result)}`);
      } catch (error) {
        // The figures of the others are still worth something.
        failed.push(`${name}: ${error instanceof Error ? error.message : error}`);
        say(failed.at(-1)!);
      }
    }
  }
  return { measured: results.filter((cell) => cell.rounds.length > 0), failed };
}

function brief({ samples }: Round): string {
  return [...samples].map(([event, { gapMs }]) => `${event} ${gapMs.toFixed(0)}`).join(", ");
}

/** One pair under one configuration. */
interface Cell {
  readonly terms: Terms;
  readonly pair: Pair;
}

function cells({ quick, only }: Options): Cell[] {
  const all = (quick ? QUICK_TERMS : TERMS).flatMap((terms) =>
    PAIRS.map((pair) => ({ terms, pair }))
  );
  return all.filter(({ terms, pair }) => `${termsName(terms)}, ${pairName(pair)}`.includes(only));
}

/** About how many seconds a round takes: some fifteen Active_Down_Intervals, and waiting. */
function expected({ intervalMs }: Terms): number {
  return 26 + 30 * intervalMs / 1000;
}

function parse(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        rounds: { type: "string" },
        only: { type: "string", default: "" },
      },
    });
    const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
    const options = { json: values.json, quick: values.quick, rounds, only: values.only };
    return Number.isInteger(rounds) && rounds > 0 && cells(options).length > 0
      ? options
      : undefined;
  } catch {
    // An option that there is not.
    return undefined;
  }
}

const EXPLANATION = `Milliseconds, median [least–most]; pairs are Active – Backup.
dark: the client's longest time without an answer, asking every 2 ms ("nothing" is the bench's own
noise); two owners: for how long both kernels held the address. A figure beyond four intervals and
4 s is of a client that found the way only when its neighbour entry was deleted.
`;

const PAIRS: readonly Pair[] = [
  ["Keepalived", "Keepalived"],
  ["lintel", "lintel"],
  ["Keepalived", "lintel"],
  ["lintel", "Keepalived"],
];

const TERMS: readonly Terms[] = [
  { version: 2, intervalMs: 1000 },
  { version: 3, intervalMs: 1000 },
  { version: 3, intervalMs: 100 },
  { version: 3, intervalMs: 10 },
];
const QUICK_TERMS = TERMS.filter(({ version, intervalMs }) => version === 3 && intervalMs !== 100);

const PATIENCE: Omit<Course, "round"> = { quietMs: 2_000, apartMs: 6_500 };
const HASTE: Omit<Course, "round"> = { quietMs: 1_000, apartMs: 4_500 };
