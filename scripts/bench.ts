/**
 * `deno task bench`: lintel beside HAProxy, on this machine, as root.
 *
 *     deno task bench [--json] [--quick] [--rounds 5] [--seconds 2] [--only TEXT]
 *
 * All forward with one thread; HAProxy stands there as most people run it, and at its best. The
 * cost is that of the load balancer's process alone; beside it stands what it adds to the CPU time
 * of all hosts, kernel included. UDP is compared with nginx.
 * `--quick` is one short round without a warm-up, to see that all
 * works. `--only` keeps the workloads whose name has the text in it. It prints figures and which
 * goals are met; it is not a test that can fail on them. `deno task bench failover` is another one:
 * lintel beside Keepalived.
 */

import { parseArgs } from "node:util";
import { failover } from "./bench/failover.ts";
import { IDLE } from "./bench/idle.ts";
import { errors, summary, tables } from "./bench/report.ts";
import { buildRig } from "./bench/rig.ts";
import { measureAll, type Outcome } from "./bench/rounds.ts";
import type { Extent, Workload } from "./bench/workload.ts";
import { BULK, CLIENT_FIRST, KEEP_ALIVE, NEW_CONNECTIONS } from "./bench/wrk.ts";
import { UDP_QUERIES, UDP_SESSIONS } from "./bench/udp.ts";
import { compile } from "./compile.ts";
import { Lab } from "./lab/lab.ts";
import { print } from "./lab/print.ts";
import { installPackages } from "./packages.ts";

/** How much is measured. */
interface Options {
  readonly json: boolean;
  readonly rounds: number;
  readonly warmUp: boolean;
  readonly extent: Extent;
  readonly workloads: readonly Workload[];
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "failover") return await failover(args.slice(1), say);
  const options = parse(args);
  if (!options) {
    say(
      "usage: deno task bench [--json] [--quick] [--rounds N] [--seconds N] [--only TEXT]\n" +
        "       deno task bench failover …",
    );
    return 2;
  }
  const { rounds, warmUp, extent } = options;
  await installPackages(say);
  const product = await compile(say);
  await using lab = Lab.create();
  const rig = await buildRig(lab);
  const loadBefore = Deno.loadavg();
  const outcomes: Outcome[] = [];
  for (const workload of options.workloads) {
    outcomes.push(await measureAll(rig, workload, { rounds, warmUp, extent, product }, say));
  }
  const leftOut = outcomes.flatMap((outcome) => outcome.leftOut);
  const loadAverage = { before: loadBefore, after: Deno.loadavg() };
  if (options.json) {
    const results = summary(outcomes);
    print(JSON.stringify({ rounds, ...extent, loadAverage, leftOut, results }, null, 2));
  } else {
    print(tables(outcomes));
    print(`\nload average before ${loadBefore.join(" ")}, after ${loadAverage.after.join(" ")}`);
  }
  const failed = errors(outcomes);
  if (failed > 0) say(`${failed} requests failed: the figures mean nothing`);
  return failed === 0 ? 0 : 1;
}

function parse(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        rounds: { type: "string" },
        seconds: { type: "string" },
        only: { type: "string", default: "" },
      },
    });
    const { json, quick, only } = values;
    const rounds = Number(values.rounds ?? (quick ? 1 : 5));
    const seconds = Number(values.seconds ?? (quick ? 1 : 2));
    const workloads = WORKLOADS.filter(({ name }) => name.includes(only));
    const isWhole = [rounds, seconds].every((number) => Number.isInteger(number) && number > 0);
    if (!isWhole || workloads.length === 0) return undefined;
    const extent = { seconds, idle: quick ? 2_000 : 9_500 };
    return { json, rounds, warmUp: !quick, workloads, extent };
  } catch {
    // An option that there is not.
    return undefined;
  }
}

/** Progress, which is no part of the answer. */
function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

const WORKLOADS: readonly Workload[] = [
  KEEP_ALIVE,
  NEW_CONNECTIONS,
  CLIENT_FIRST,
  BULK,
  UDP_QUERIES,
  UDP_SESSIONS,
  IDLE,
];

if (import.meta.main) Deno.exitCode = await main(Deno.args);
