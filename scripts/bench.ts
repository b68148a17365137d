/**
 * `deno task bench`: lintel beside HAProxy, on this machine, as root.
 *
 *     deno task bench [--json] [--rounds 5] [--seconds 2]
 *
 * Both forward with one thread. They take turns within each round, in an order that rotates, so
 * that whatever else this machine does meets both. It prints figures; it is not a test that can
 * fail on them. `deno task bench failover` is another one: lintel beside Keepalived.
 */

import { type Balancer, startHaproxy, startLintel } from "./bench/balancers.ts";
import { LOADS, measure, type Sample } from "./bench/load.ts";
import { errors, type Measured, summary, table } from "./bench/report.ts";
import { BALANCER_ADDRESS, buildRig, type Rig } from "./bench/rig.ts";
import { failover } from "./bench/failover.ts";
import { compile } from "./compile.ts";
import { Lab } from "./lab/lab.ts";
import { print } from "./lab/print.ts";
import { eventually } from "./lab/wait.ts";
import { installPackages } from "./packages.ts";

/** How much is measured. */
interface Options {
  readonly json: boolean;
  readonly rounds: number;
  readonly seconds: number;
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "failover") return await failover(args.slice(1), say);
  const options = parse(args);
  if (!options) {
    say("usage: deno task bench [failover] [--json] [--rounds N] [--seconds N]");
    return 2;
  }
  await installPackages(say);
  const product = await compile(say);
  await using lab = Lab.create();
  const rig = await buildRig(lab);
  const balancers = [startHaproxy(rig.balancer), startLintel(rig.balancer, product)];
  for (const balancer of balancers) await answers(rig, balancer);
  const loadBefore = Deno.loadavg();
  const measured = await measureAll(rig, balancers, options);
  if (options.json) {
    const { rounds, seconds } = options;
    const loadAverage = { before: loadBefore, after: Deno.loadavg() };
    print(JSON.stringify({ rounds, seconds, loadAverage, results: summary(measured) }, null, 2));
  } else {
    print(table(measured));
    print(`load average before ${loadBefore.join(" ")}, after ${Deno.loadavg().join(" ")}`);
  }
  const failed = errors(measured);
  if (failed > 0) say(`${failed} requests failed: the figures mean nothing`);
  return failed === 0 ? 0 : 1;
}

async function measureAll(
  { client }: Rig,
  balancers: readonly Balancer[],
  { rounds, seconds }: Options,
): Promise<Measured[]> {
  const measured = LOADS.map((load) => ({
    load,
    samples: new Map(balancers.map(({ name }) => [name, [] as Sample[]])),
  }));
  // Round 0 warms up, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const { load, samples } of measured) {
      for (let turn = 0; turn < balancers.length; turn++) {
        const balancer = balancers[(round + turn) % balancers.length]!;
        const sample = await measure(client, balancer, load, round === 0 ? 1 : seconds);
        if (round > 0) samples.get(balancer.name)!.push(sample);
        const cost = `${sample.cpuMicroseconds.toFixed(1)} µs/${load.unit}`;
        say(`round ${round} of ${rounds}: ${load.name}, ${balancer.name}: ${cost}`);
      }
    }
  }
  return measured;
}

/** Waits until a balancer has found its server. */
async function answers({ client }: Rig, { name, port, process }: Balancer): Promise<void> {
  const probe = async () => {
    if (process.ended) throw new Error(`it has ended:\n${process.output}`);
    const url = `http://${BALANCER_ADDRESS}:${port}/small`;
    return await client.run(["curl", "--silent", "--fail", "--max-time", "1", url]);
  };
  await eventually(`${name} forwards a request`, probe, { everyMs: 100 });
}

function parse(args: readonly string[]): Options | undefined {
  const options = { json: false, rounds: 5, seconds: 2 };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const number = arg === "--json" ? 1 : Number(rest.shift());
    if (!Number.isInteger(number) || number < 1) return undefined;
    if (arg === "--json") options.json = true;
    else if (arg === "--rounds") options.rounds = number;
    else if (arg === "--seconds") options.seconds = number;
    else return undefined;
  }
  return options;
}

/** Progress, which is no part of the answer. */
function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
