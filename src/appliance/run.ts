/**
 * `lintel run`: a file becomes a running appliance, until a signal ends it.
 */

import { PER_SECOND } from "../admin/connections.ts";
import { type AdminServer, CannotListen, serveAdmin } from "../admin/serve.ts";
import { EXIT } from "../cli/exit_code.ts";
import type { HostFacts } from "../config/host.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import { withAdded } from "../core/plan/added.ts";
import type { Plan } from "../core/plan/plan.ts";
import { probeUring } from "../dataplane/uring_driver.ts";
import { CAP_NET_BIND_SERVICE, raise } from "../linux/thread.ts";
import { createMetrics } from "../metrics/registry.ts";
import { AddedServers } from "./added_servers.ts";
import { Applying } from "./applying.ts";
import { Availability } from "./availability.ts";
import { CannotRun } from "./cannot_run.ts";
import { Changes } from "./changes.ts";
import { Connections } from "./connections.ts";
import { type ConnectionLogs, newConnectionLogs } from "./connection_logs.ts";
import { build } from "./bundle.ts";
import { chooseEngine } from "./engine_kind.ts";
import { type EngineParts, Engines } from "./engines.ts";
import { Frontends } from "./frontends.ts";
import { hostFacts } from "./host.ts";
import { KeptHealth } from "./kept_health.ts";
import { KeptOverrides } from "./kept_overrides.ts";
import { loadOnHost } from "./loading.ts";
import { configureLog, type Log, logOf } from "./log.ts";
import { connectionLimits, sessionRoom, sessionShortage } from "./limits.ts";
import { localPeer } from "./local_peer.ts";
import { Overrides } from "./overrides.ts";
import { newReloads, type Shown } from "./reload_parts.ts";
import { Routers } from "./routers.ts";
import { RunningAppliance } from "./running.ts";
import { Servers } from "./servers.ts";
import { ServiceManager } from "./service_manager.ts";
import { createSharedMemory } from "./shared_memory.ts";
import { Signals } from "./signals.ts";
import { type StepParts, stepsOf } from "./steps.ts";
import { Tables } from "./tables.ts";

/** What `lintel run` was given. */
export interface RunOptions {
  readonly file: string;
  readonly node?: string | undefined;
}

/**
 * Runs until SIGTERM or SIGINT.
 *
 * @returns the exit code: 0 after a signal, 3 for an invalid file, 4 where this host cannot run it.
 */
export async function run({ file, node }: RunOptions): Promise<number> {
  const facts = hostFacts();
  const start = load(file, node, facts);
  if (!start) return EXIT.invalidConfiguration;
  await configureLog(start.plan.log);
  const log = logOf("appliance");
  try {
    raise(CAP_NET_BIND_SERVICE);
    await runPlan(start, facts, log);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof CannotRun || error instanceof CannotListen)) throw error;
    log.write("error", error.message);
    return EXIT.hostLacks;
  }
}

/** A file that can be run here. */
interface Start {
  readonly file: string;
  readonly text: string;
  readonly plan: Plan;
}

function load(file: string, node: string | undefined, facts: HostFacts): Start | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    complain([`${file}: ${error instanceof Error ? error.message : error}`]);
    return undefined;
  }
  const loaded = loadOnHost(text, { file, node, facts });
  complain(loaded.warnings.map(asWarning));
  if (loaded.plan) return { file, text, plan: loaded.plan };
  complain(loaded.problems.map(formatProblem));
  return undefined;
}

async function runPlan({ file, text, plan }: Start, facts: HostFacts, log: Log): Promise<void> {
  const signals = new Signals();
  const manager = new ServiceManager(Deno.env.toObject());
  const dataplaneWorkers = plan.workers ?? facts.cpus;
  const connections = connectionLimits(dataplaneWorkers, plan);
  const { engine, reason } = chooseEngine(plan.engine, probeUring);
  const memory = createSharedMemory(plan, dataplaneWorkers);
  const tables = new Tables(plan, memory);
  const servers = new Servers(plan.backends, memory, tables);
  const routers = new Routers(plan, memory.routers, facts);
  const frontends = new Frontends(plan, tables, memory.frontendCounters, dataplaneWorkers);
  const connectionLogs = newConnectionLogs({ plan, memory, servers, tables, dataplaneWorkers });
  const parts = { plan, memory, tables, servers, frontends, routers, dataplaneWorkers, engine };
  const engines = newEngines({ ...parts, connections }, connectionLogs, log);
  const availability = new Availability({ ...parts, engines });
  const operation = operated({ ...parts, engines, availability, log, connections });
  const { changes, added } = changing(plan, {
    ...{ ...parts, ...operation, engines, connectionLogs, availability },
    admin: { apply: (plan) => admin.apply(plan) },
  });
  const reloads = newReloads({
    ...{ file, text, plan, manager, log, availability, shown: (): Shown => appliance },
    apply: (plan) => changes.apply(plan),
    overruled: ({ backends }) => operation.overrides.overruled(backends),
  });
  signals.onReload = () => reloads.trigger("SIGHUP");
  const seen = { threads: engines.threads, connectionLogs, availability, log };
  const shown = { ...parts, ...operation, ...seen, changes, added, reloads };
  const appliance = new RunningAppliance(shown);
  appliance.metrics = createMetrics(appliance.sources());
  const admin: AdminServer = await serveAdmin(appliance, plan.admin, faultsTo(log), localPeer);
  const failed = new Promise<never>((_, reject) => {
    engines.onFailure = (message) => reject(new CannotRun(message));
  });
  connectionLogs?.start();
  try {
    const started = engines.start().then(() => {
      // A signal may have come first.
      if (appliance.stopping) return;
      log.write("info", `lintel ${build.version} runs`, { node: plan.node, file, engine, reason });
      availability.start();
      // Threads that have been ended in the planned way are not dead.
      const isAlive = () => appliance.stopping || appliance.liveness().length === 0;
      manager.ready(`node ${plan.node}, ${file}`, isAlive);
      reloads.start();
    });
    await Promise.race([started, failed, signals.first]);
    await Promise.race([signals.first, failed]);
    appliance.stopping = true;
    await within(RELOAD_MS, reloads.stop());
    manager.stopping();
    operation.overrides.stop();
    availability.leave();
    await leaveAndDrain(engines, frontends, changes.file.stopTimeoutMs, signals, log);
  } finally {
    await within(STOP_MS, engines.stop());
    frontends.close();
    await within(STOP_MS, connectionLogs?.stop() ?? Promise.resolve());
    await availability.stop();
    await within(STOP_MS, operation.kept.stop());
    await within(STOP_MS, operation.keptHealth.stop());
    await within(STOP_MS, admin.stop());
    signals.close();
    manager.close();
  }
  log.write("info", "stopped");
}

function newEngines(
  parts: Omit<EngineParts, "connectionLog" | "sessionsPerWorker">,
  connectionLogs: ConnectionLogs | undefined,
  log: Log,
): Engines {
  const { plan, dataplaneWorkers } = parts;
  const shortage = sessionShortage(dataplaneWorkers, plan);
  if (shortage) log.write("warn", shortage);
  return new Engines({
    ...parts,
    connectionLog: (worker) => connectionLogs?.shape(worker) ?? null,
    sessionsPerWorker: sessionRoom(dataplaneWorkers, plan),
  });
}

/** What is there only once engines run: connections, and what is said of servers. */
function operated({ plan, tables, servers, engines, availability, log, connections: { worker } }: {
  readonly plan: Plan;
  readonly tables: Tables;
  readonly servers: Servers;
  readonly engines: Engines;
  readonly availability: Availability;
  readonly log: Log;
  readonly connections: { readonly worker: number };
}): {
  readonly connections: Connections;
  readonly overrides: Overrides;
  readonly kept: KeptOverrides;
  readonly keptHealth: KeptHealth;
} {
  const connections = new Connections({
    workers: engines.dataplane.connectionMemories.map((memory) => ({ memory, capacity: worker })),
    frontend: (index) => tables.frontendAt(index),
    backend: (index) => tables.backendAt(index),
    server: (row) => servers.nameAt(row),
    cuts: engines.dataplane.cuts,
  });
  tables.livePlaces = () => connections.places();
  const kept = new KeptOverrides(plan.stateDirectory, log);
  const note = (message: string) => {
    log.write("info", message);
    availability.recorder.record({ kind: "change", message });
  };
  const overrides = new Overrides({
    servers,
    kill: async (backend, server) => {
      const wish = { perSecond: PER_SECOND, dryRun: false };
      return (await connections.kill({ backend, server }, wish)).killed;
    },
    note,
    keep: (id, fact) => kept.keep(id, fact),
  });
  overrides.restore(kept.restore(plan.backends, note));
  const whole = withAdded(plan, overrides.facts);
  tables.apply(whole);
  servers.apply(whole.backends, (...name) => overrides.holding(whole.backends, ...name));
  servers.settle();
  // That comes first: nobody looks at one in maint.
  const keptHealth = new KeptHealth(plan.stateDirectory, servers, log);
  keptHealth.restore();
  keptHealth.start();
  return { connections, overrides, kept, keptHealth };
}

/** What gives all parts another plan. */
function changing(plan: Plan, parts: Omit<StepParts, "log"> & { readonly overrides: Overrides }): {
  readonly changes: Changes;
  readonly added: AddedServers;
} {
  const { overrides, servers, engines } = parts;
  const steps = stepsOf({ ...parts, log: plan.log });
  const applying = new Applying(withAdded(plan, overrides.facts), steps);
  const changes = new Changes({ plan, applying, overrides });
  return { changes, added: new AddedServers({ servers, changes, cuts: engines.dataplane.cuts }) };
}

/** The planned stop: peers take over, addresses go, connections end by themselves; or at once. */
async function leaveAndDrain(
  engines: Engines,
  frontends: Frontends,
  stopTimeoutMs: number,
  signals: Signals,
  log: Log,
): Promise<void> {
  const impatient = signals.second.then(() => {
    log.write("warn", "a second signal: stopping at once");
    engines.leaveAtOnce();
  });
  await within(LEAVE_MS, engines.leave());
  const drained = engines.drain(() => frontends.closeForConnections());
  await within(stopTimeoutMs, Promise.race([drained, impatient]));
}

/** Waits for `done`, but not longer than `timeoutMs`. */
async function within(timeoutMs: number, done: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, timeoutMs));
  await Promise.race([done, timeout]);
  clearTimeout(timer);
}

function complain(lines: readonly string[]): void {
  if (lines.length > 0) Deno.stderr.writeSync(new TextEncoder().encode(lines.join("\n") + "\n"));
}

function asWarning(problem: Problem): string {
  return formatProblem({ ...problem, message: `warning: ${problem.message}` });
}

/** Where it is told what of a request has failed on our side. */
function faultsTo(log: Log): (error: unknown) => void {
  return (error) => log.write("error", `a request to the admin API failed: ${describe(error)}`);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** The speaker bounds its leaving by itself; this is for one that hangs. */
const LEAVE_MS = 3_000;
/** A reload that is under way comes to its end first. */
const RELOAD_MS = 3_000;
const STOP_MS = 2_000;
