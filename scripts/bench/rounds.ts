/**
 * The course of the bench: for each workload its load balancers are started, and take turns within
 * each round, in an order that rotates, so that whatever else this machine does meets all of them.
 */

import { eventually } from "../lab/wait.ts";
import { type Balancer, isOurs, type Variant } from "./balancers.ts";
import { BALANCER_ADDRESS, type Rig } from "./rig.ts";
import { type Extent, type Measured, NOBODY, type Sample, type Workload } from "./workload.ts";

/** How often what is measured, and with which product. */
export interface Course {
  readonly rounds: number;
  /** Whether one more round goes before, which is not counted. */
  readonly warmUp: boolean;
  readonly extent: Extent;
  readonly product: string;
}

/** What became of a workload: who could not take part is named with the reason. */
export interface Outcome extends Measured {
  readonly leftOut: readonly string[];
}

/** Measures one workload. */
export async function measureAll(
  rig: Rig,
  workload: Workload,
  course: Course,
  say: (line: string) => void,
): Promise<Outcome> {
  const leftOut: string[] = [];
  const entrants: Entrant[] = [];
  for (const variant of workload.variants) {
    const entrant = new Entrant(rig, variant, course.product);
    const refusal = await entrant.refusal();
    if (refusal === null) entrants.push(entrant);
    else leftOut.push(`${workload.name}, ${variant.name}: ${refusal}`);
  }
  for (const line of leftOut) say(`left out: ${line}`);
  if (!entrants.some(({ name }) => isOurs(name))) return { workload, samples: new Map(), leftOut };
  try {
    const turns = [...entrants, ...(workload.isFresh ? [] : [null])];
    const samples = new Map(turns.map((turn) => [nameOf(turn), [] as Sample[]]));
    for (let round = course.warmUp && !workload.isFresh ? 0 : 1; round <= course.rounds; round++) {
      for (let turn = 0; turn < turns.length; turn++) {
        const entrant = turns[(round + turn) % turns.length] ?? null;
        const balancer = await entrant?.balancer() ?? null;
        const sample = await workload.measure(rig, balancer, {
          ...course.extent,
          ...(round === 0 ? { seconds: 1 } : {}),
        });
        if (workload.isFresh) await entrant?.stop();
        if (round > 0) samples.get(nameOf(entrant))!.push(sample);
        say(`round ${round} of ${course.rounds}: ${line(workload, nameOf(entrant), sample)}`);
      }
    }
    return { workload, samples, leftOut };
  } finally {
    for (const entrant of entrants) await entrant.stop();
  }
}

/** A variant in its place on the rig, started when it is first needed. */
class Entrant {
  readonly name: string;
  readonly #rig: Rig;
  readonly #port = nextPort++;
  readonly #launch: ReturnType<Variant["launch"]>;
  #balancer: Balancer | null = null;

  constructor(rig: Rig, variant: Variant, product: string) {
    this.name = variant.name;
    this.#rig = rig;
    const place = { port: this.#port, prefix: `balancer-${this.#port}` };
    this.#launch = variant.launch(rig.balancer, place, product);
  }

  /** Why it cannot take part, or null. */
  async refusal(): Promise<string | null> {
    const { code, output } = await this.#rig.balancer.try(this.#launch.check);
    return code === 0 ? null : output.trim().split("\n")[0] ?? "";
  }

  /** The running one. */
  async balancer(): Promise<Balancer> {
    if (this.#balancer) return this.#balancer;
    this.#balancer = {
      name: this.name,
      address: BALANCER_ADDRESS,
      port: this.#port,
      process: this.#rig.balancer.spawn(this.#launch.command),
    };
    await answers(this.#rig, this.#balancer);
    return this.#balancer;
  }

  async stop(): Promise<void> {
    await this.#balancer?.process.stop("SIGKILL");
    this.#balancer = null;
  }
}

/** Waits until a balancer has found its server. */
async function answers({ client }: Rig, { name, address, port, process }: Balancer): Promise<void> {
  const probe = async () => {
    if (process.ended) throw new Error(`it has ended:\n${process.output}`);
    const url = `http://${address}:${port}/small`;
    return await client.run(["curl", "--silent", "--fail", "--max-time", "1", url]);
  };
  await eventually(`${name} forwards a request`, probe, { everyMs: 100 });
}

function nameOf(entrant: Entrant | null): string {
  return entrant?.name ?? NOBODY;
}

function line({ name, unit }: Workload, variant: string, { cost }: Sample): string {
  return `${name}, ${variant}: ${cost.toFixed(1)} ${unit}`;
}

let nextPort = 8001;
