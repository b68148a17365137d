/**
 * The speaker alone on a host of the lab, from source: for what it does to links, addresses and
 * packets, without a configuration file and a data plane.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import type { SyncGroupPlan, TrackerPlan, VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import type { RouterCounter } from "../../src/memory/router_table.ts";
import type { LogReport, TransitionReport } from "../../src/speaker/orders.ts";

/** What is known of one virtual router. */
export type Counted = { readonly [Counter in RouterCounter]: number } & {
  readonly name: string;
  readonly state: "initialize" | "backup" | "active";
  /** When it came there: monotonic, in whole milliseconds. */
  readonly since: number;
  /** Effective. */
  readonly priority: number;
  /** By reason, without those that never occurred. */
  readonly rejected: Readonly<Record<string, number>>;
};

/** A running speaker. */
export class SpeakerHost {
  readonly process: Process;
  readonly host: Host;
  readonly transitions: TransitionReport[] = [];
  /** What it has logged. */
  readonly said: string[] = [];
  /** The process that the speaker runs in, below the lab's wrappers; 0 before it has said so. */
  pid = 0;
  #routers: readonly Counted[] = [];
  #ordered = 0;
  #planned = 0;

  constructor(
    host: Host,
    routers: readonly VirtualRouterPlan[],
    more: {
      groups?: readonly SyncGroupPlan[];
      trackers?: readonly TrackerPlan[];
      former?: readonly VirtualRouterPlan[];
    } = {},
  ) {
    this.host = host;
    const file = host.write(FILE, JSON.stringify({ routers, ...more }));
    const script = new URL("speaker_process.ts", import.meta.url).pathname;
    this.process = host.script(script, [file], { onLine: (line) => this.#take(line) });
  }

  /** What is known of a virtual router; of the first without a name. */
  counted(name?: string): Counted | undefined {
    return this.#routers.find((one) => name === undefined || one.name === name);
  }

  /** How many virtual routers are in a state. */
  are(state: Counted["state"]): number {
    return this.#routers.filter((one) => one.state === state).length;
  }

  /** Waits until a virtual router, or the first, is in a state. */
  async is(state: Counted["state"], name?: string, deadlineMs = 15_000): Promise<void> {
    await eventually(`${this.host.name} is ${state}`, () => {
      if (this.process.ended) throw new Error(this.process.output);
      return this.counted(name)?.state === state;
    }, { deadlineMs });
  }

  /** Waits until it has logged a line that matches. */
  async says(pattern: RegExp): Promise<string> {
    await eventually(
      `${this.host.name} says ${pattern}`,
      () => this.said.some((line) => pattern.test(line)),
    );
    return this.said.find((line) => pattern.test(line)) ?? "";
  }

  /** Has it go by another plan, by row; waits until it says that it does, unless told otherwise. */
  async plan(
    routers: readonly (VirtualRouterPlan | null)[],
    more: { groups?: readonly SyncGroupPlan[]; trackers?: readonly TrackerPlan[] } = {},
    isAwaited = true,
  ): Promise<void> {
    const ordered = this.#ordered;
    const before = this.#planned;
    this.host.write(FILE, JSON.stringify({ routers, ...more }));
    Deno.kill(this.pid, "SIGHUP");
    await eventually("the plan is read", () => this.#ordered > ordered);
    if (isAwaited) await eventually("the plan is followed", () => this.#planned > before);
  }

  /** Leaves in the planned way. */
  async stop(): Promise<void> {
    const { code } = await this.process.stop("SIGTERM");
    if (code !== 0) throw new Error(`the speaker ended with ${code}:\n${this.process.output}`);
    await this.process.status;
  }

  #take(line: string): void {
    const said = JSON.parse(line) as
      | { kind: "counters"; routers: Counted[] }
      | LogReport
      | TransitionReport
      | { kind: "process"; pid: number }
      | { kind: "ordered" | "planned" }
      | { kind: "other" };
    if (said.kind === "counters") this.#routers = said.routers;
    if (said.kind === "process") this.pid = said.pid;
    if (said.kind === "ordered") this.#ordered++;
    if (said.kind === "planned") this.#planned++;
    if (said.kind === "log") this.said.push(said.message);
    if (said.kind === "transition") this.transitions.push(said);
  }
}

const FILE = "speaker.json";
