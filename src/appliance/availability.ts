/**
 * What decides beside the election whether this node holds the virtual addresses, and who is told:
 * the hold-back at start, trackers, standby and handovers, the flight recorder, notifications. It
 * wires them together; each of them has a module of its own.
 */

import type { Event } from "../admin/model_events.ts";
import type { Plan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { LineFile } from "../journal/line_file.ts";
import type { TransitionReport } from "../speaker/orders.ts";
import { DataplaneWatch } from "./dataplane_watch.ts";
import type { Engines } from "./engines.ts";
import type { Frontends } from "./frontends.ts";
import { GroupStates } from "./group_states.ts";
import { Handovers, whyOwned } from "./handovers.ts";
import { logOf } from "./log.ts";
import { type NotifiedState, notifiedState, Notifier } from "./notifier.ts";
import { Recorder } from "./recorder.ts";
import type { Routers } from "./routers.ts";
import type { Servers } from "./servers.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { sleep, sleepUntil } from "./sleep.ts";
import type { Outcome } from "./speaker_link.ts";
import { StandbyKeeper } from "./standby.ts";
import { Trackers } from "./trackers.ts";
import { Tracking } from "./tracking.ts";

/** What availability is made of. */
export interface AvailabilityParts {
  readonly plan: Plan;
  readonly memory: SharedMemory;
  readonly servers: Servers;
  readonly frontends: Frontends;
  readonly routers: Routers;
  readonly engines: Engines;
  readonly dataplaneWorkers: number;
}

/** All of it. */
export class Availability {
  readonly recorder: Recorder;
  readonly standby: StandbyKeeper;
  readonly handovers: Handovers;
  readonly #parts: AvailabilityParts;
  #plan: Plan;
  readonly #log = logOf("availability");
  readonly #trackers: Trackers;
  readonly #tracking: Tracking;
  readonly #dataplane: DataplaneWatch;
  readonly #notifier = new Notifier(logOf("notify"));
  readonly #groups: GroupStates;
  readonly #end = new AbortController();
  #isStarted = false;
  #takesPart = false;

  constructor(parts: AvailabilityParts) {
    this.#parts = parts;
    this.#plan = parts.plan;
    this.#groups = new GroupStates(parts.plan.syncGroups);
    const { plan, engines, routers, frontends } = parts;
    const { speaker } = engines;
    this.recorder = this.#newRecorder();
    this.#trackers = new Trackers(plan.trackers);
    this.#dataplane = this.#newDataplaneWatch();
    this.#tracking = this.#newTracking();
    this.standby = new StandbyKeeper({
      path: `${plan.stateDirectory}/standby.json`,
      hindrance: () => whyOwned(routers.show()),
      order: (enabled, force) => speaker.standby(enabled, force),
      expired: (outcome) => this.#noteExpiry(outcome),
      fault: (message) => this.#log.write("warn", message),
    });
    this.handovers = new Handovers({ routers, frontends, speaker, recorder: this.recorder });
    routers.trackersOf = (router) => this.#tracking.show(router);
    this.#listen();
  }

  /** Lets the virtual routers take part once this node is fit for it; it forwards already. */
  start(): void {
    this.recorder.record({ kind: "appliance", message: "started" });
    this.#begin();
  }

  /**
   * Goes by another plan, whole as it is; the rows of its virtual routers are given out already, or
   * now. Resolves once whatever is not in it any more has left in the planned way. What is the same
   * is not touched.
   *
   * @throws {CannotRun} when it has virtual routers and this host lets us have none.
   */
  async apply(plan: Plan): Promise<void> {
    const { routers, engines, frontends } = this.#parts;
    routers.apply(plan);
    const before = this.#plan.virtualRouters;
    const leaving = addressesLeaving(before, plan.virtualRouters);
    this.#plan = plan;
    this.#groups.change(plan.syncGroups);
    this.#dataplane.change(plan.frontends);
    const unknown = new Set(this.#trackers.unsettled);
    this.#trackers.change(plan.trackers);
    if (this.#takesPart) {
      await this.#settle(this.#trackers.unsettled.filter((name) => !unknown.has(name)));
    }
    this.#tracking.change(plan);
    const { syncGroups: groups, trackers } = plan;
    // A reset must still find the address here.
    await engines.dataplane.cuts.listeners(frontends.unwantedAt(leaving));
    await engines.speaker.follow({ routers: routers.rows, groups, trackers });
    // The speaker has forgotten holds with whom they were for.
    routers.unhold(before.map(({ name }) => name).filter((name) => !routers.indexes.has(name)));
    if (this.#isStarted) this.#begin();
  }

  /** Waits for the first results of these trackers, which would else count as bad. */
  #settle(names: readonly string[]): Promise<void> {
    const isKnown = () => !this.#trackers.unsettled.some((name) => names.includes(name));
    return sleepUntil(isKnown, this.#trackers.longestMs + GRACE_MS, this.#end.signal);
  }

  /** Holds back as soon as there is a virtual router. */
  #begin(): void {
    // Without one, too: the next reload may bring one.
    if (!this.#isStarted) this.#restoreStandby();
    this.#isStarted = true;
    if (this.#takesPart || this.#plan.virtualRouters.length === 0) return;
    this.#takesPart = true;
    this.#trackers.start();
    this.#holdBack().catch((error) => this.#log.write("error", `hold-back: ${error}`));
  }

  #restoreStandby(): void {
    if (!this.standby.restore()) return;
    this.#log.write("warn", "this node is in standby: it refuses to be Active");
    this.#parts.engines.speaker.startInStandby();
  }

  /** The way out has begun: nothing is tracked any more. */
  leave(): void {
    if (this.#end.signal.aborted) return;
    this.recorder.record({ kind: "appliance", message: "stopping" });
    this.#end.abort();
    this.#tracking.stop();
    this.#trackers.stop();
    this.standby.stop();
  }

  /** Waits somewhat for who is still being told, then ends. */
  async stop(): Promise<void> {
    this.leave();
    this.recorder.record({ kind: "appliance", message: "stopped" });
    await Promise.race([this.#notifier.settle(), sleep(NOTIFY_MS)]);
    this.#notifier.stop();
    await Promise.race([this.recorder.close(), sleep(DISK_MS)]);
  }

  /** Until listeners are bound (they are), servers have been checked and trackers have looked. */
  async #holdBack(): Promise<void> {
    const { servers, engines } = this.#parts;
    const plan = this.#plan;
    const checks = plan.backends.map(({ check }) => check?.timeoutMs ?? 0);
    const longestMs = Math.max(0, this.#trackers.longestMs, ...checks);
    const isFit = () => servers.isChecked && this.#trackers.isSettled;
    await sleepUntil(isFit, longestMs + GRACE_MS, this.#end.signal);
    if (this.#end.signal.aborted) return;
    if (!isFit()) this.#log.write("warn", "takes part without a result of every check and tracker");
    this.#tracking.start();
    engines.speaker.participate();
  }

  #listen(): void {
    const { engines, servers } = this.#parts;
    servers.onChange = () => this.#tracking.soon();
    engines.onTransition = (report) => this.#noteTransition(report);
    engines.onHealth = (server, { health, code, text }) => {
      const cause = text === "" ? code : `${code}, ${text}`;
      const message = `server ${server} is ${health}: ${cause.slice(0, MOST_TEXT)}`;
      this.recorder.record({ kind: "server", message });
    };
    this.#trackers.onChange = ({ name, good, detail }, isFirst) => {
      if (isFirst && good) return;
      const verdict = good ? "good" : "bad";
      this.#log.write(good ? "info" : "warn", `tracker ${name} is ${verdict}: ${detail}`);
      this.recorder.record({
        kind: "tracker",
        message: `tracker ${name} is ${verdict}: ${detail}`,
      });
      this.#tracking.soon();
    };
    this.#trackers.onFault = (name, error) =>
      this.#log.write("error", `tracker ${name} is watched no more: ${error}`);
  }

  #noteTransition(report: TransitionReport): void {
    const transition = this.#parts.routers.noteTransition(report);
    if (!transition) return;
    const { router, to, detail } = report;
    const message = `virtual router ${router} is ${to}: ${detail}`;
    const event = this.recorder.record({
      kind: "transition",
      message,
      virtualRouter: router,
      transition,
    });
    this.#notify(event, router, notifiedState(report));
  }

  #notify(event: Event, router: string, state: NotifiedState): void {
    const group = this.#groups.of(router);
    const notify = this.#parts.routers.find(router)?.notify;
    if (notify) this.#notifier.notify(notify, event, group?.name);
    if (!this.#groups.note(router, state) || !group) return;
    const members = this.#plan.virtualRouters.filter(({ name }) => group.members.includes(name));
    const commands = members.flatMap((member) =>
      member.notify?.command ? [member.notify.command] : []
    );
    // What all members share is told once.
    const distinct = new Map(commands.map((command) => [JSON.stringify(command), command]));
    for (const command of distinct.values()) {
      this.#notifier.notifyGroup(command, group.name, state);
    }
  }

  #noteExpiry({ ok, detail }: Outcome): void {
    const message = ok ? "standby is over: its time has come" : `standby cannot end: ${detail}`;
    this.#log.write(ok ? "info" : "error", message);
    this.recorder.record({ kind: "standby", message });
  }

  #newRecorder(): Recorder {
    const { node, stateDirectory } = this.#parts.plan;
    const fault = (error: unknown) => {
      const cause = error instanceof Error ? error.message : String(error);
      this.#log.write("warn", `events are kept in memory only: ${cause} (set stateDirectory)`);
    };
    try {
      Deno.mkdirSync(stateDirectory, { recursive: true, mode: 0o755 });
    } catch {
      // The first event that is to be written will say so.
    }
    const lines = new LineFile(`${stateDirectory}/events.jsonl`, MOST_EVENT_BYTES, fault);
    return new Recorder(node, lines);
  }

  #newDataplaneWatch(): DataplaneWatch {
    const { plan, memory, servers, frontends, dataplaneWorkers } = this.#parts;
    return new DataplaneWatch({
      frontendPlans: plan.frontends,
      frontends,
      servers,
      workers: memory.workers,
      dataplaneWorkers,
    });
  }

  #newTracking(): Tracking {
    const { plan, engines } = this.#parts;
    return new Tracking({
      plan,
      trackers: this.#trackers,
      dataplane: (names) => this.#dataplane.facts(names),
      post: (router, standing) => engines.speaker.track(router, standing),
      judged: (virtualRouter, good, detail) => {
        const message = `tracker dataplane of ${virtualRouter} is ${
          good ? "good" : "bad"
        }: ${detail}`;
        this.#log.write(good ? "info" : "warn", message);
        this.recorder.record({ kind: "tracker", message, virtualRouter });
      },
    });
  }
}

/** Addresses of virtual routers that stay. Who goes has its own way of releasing them. */
function addressesLeaving(
  before: readonly VirtualRouterPlan[],
  after: readonly VirtualRouterPlan[],
): ReadonlySet<string> {
  const addressesOf = (plan: VirtualRouterPlan) =>
    [...plan.addresses, ...plan.excludedAddresses].map(({ address }) => address);
  const kept = new Set(after.flatMap(addressesOf));
  const staying = new Set(after.map(({ name }) => name));
  const held = before.filter(({ name }) => staying.has(name)).flatMap(addressesOf);
  return new Set(held.filter((address) => !kept.has(address)));
}

/** How long after the longest timeout the first round of checks is waited for. */
const GRACE_MS = 1_000;
const NOTIFY_MS = 2_000;
const DISK_MS = 1_000;
const MOST_EVENT_BYTES = 4_000_000;
const MOST_TEXT = 300;
