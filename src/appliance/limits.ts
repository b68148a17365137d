/**
 * How many connections this process can hold.
 */

import type { Plan } from "../core/plan/plan.ts";
import { MAX_PIPES } from "../dataplane/connection_memory.ts";
import { CannotRun } from "./cannot_run.ts";

/** How many connections there may be at once. */
export interface ConnectionLimits {
  /** In the whole process. */
  readonly process: number;
  /** In one data-plane worker: all, if the kernel gives it all, as far as tables may grow. */
  readonly worker: number;
}

/**
 * As many connections as the file says, or as RLIMIT_NOFILE leaves room for. The tables of all
 * workers together, which are laid out at the start, have room for a million at most.
 *
 * @throws {CannotRun} when the limit leaves no room for that.
 * @see getrlimit(2)
 */
export function connectionLimits(
  workers: number,
  plan: Plan,
  limit = openFilesLimit(),
): ConnectionLimits {
  const kept = keptDescriptors(workers, plan) + workers * sessionsPerWorker(workers, plan, limit);
  const fitting = Math.floor((limit - kept) / DESCRIPTORS_A_CONNECTION);
  const wanted = plan.maxConnections ?? 1;
  if (fitting < wanted) {
    const needed = kept + DESCRIPTORS_A_CONNECTION * wanted;
    const what = plan.maxConnections === null
      ? "one connection"
      : `maxConnections: ${plan.maxConnections}`;
    throw new CannotRun(
      `the limit of ${limit} open files is too low: ${what} takes ${needed}, ${kept} of them for ` +
        "listeners, checks and pipes; raise the limit (ulimit -n, LimitNOFILE=)" +
        (plan.maxConnections === null || fitting < 1 ? "" : `, or allow ${fitting} connections`),
    );
  }
  const process = Math.min(plan.maxConnections ?? fitting, MOST_CONNECTIONS);
  return { process, worker: Math.min(process, Math.floor(MOST_CONNECTIONS / workers)) };
}

/**
 * UDP sessions that each data-plane worker may hold: as many as the file allows, since clients may
 * all come to one worker, and half of the descriptors at most where there are connections too.
 */
export function sessionsPerWorker(
  workers: number,
  plan: Plan,
  limit = openFilesLimit(),
): number {
  const listeners = plan.frontends.flatMap((frontend) => frontend.listeners);
  const hasConnections = listeners.some(({ protocol }) => protocol === "tcp");
  const rest = Math.max(0, limit - keptDescriptors(workers, plan));
  const share = hasConnections ? rest / 2 : rest - workers * DESCRIPTORS_A_CONNECTION;
  const wanted = wantedSessions(plan);
  return Math.max(0, Math.min(wanted, MOST_CONNECTIONS, Math.floor(share / workers)));
}

/**
 * UDP sessions that each data-plane worker has memory for: also those of backends that come with a
 * reload, for which no descriptors are set aside. It costs nothing until there are some.
 */
export function sessionRoom(workers: number, plan: Plan, limit = openFilesLimit()): number {
  const rest = Math.max(0, limit - keptDescriptors(workers, plan));
  const spare = Math.min(USUAL_SESSIONS, Math.floor(rest / 2 / workers));
  return Math.max(sessionsPerWorker(workers, plan, limit), spare);
}

/** What is to be said where there is no room for all the sessions of the file. */
export function sessionShortage(
  workers: number,
  plan: Plan,
  limit = openFilesLimit(),
): string | undefined {
  const sessions = workers * sessionsPerWorker(workers, plan, limit);
  const wanted = wantedSessions(plan);
  if (sessions >= wanted) return undefined;
  return `the limit of ${limit} open files leaves room for ${sessions} UDP sessions, and the ` +
    `file allows ${wanted}: raise it (ulimit -n, LimitNOFILE=), or lower udp.maxSessions`;
}

function wantedSessions({ frontends, backends }: Plan): number {
  const names = new Set(
    frontends.filter(({ listeners }) => listeners.some(({ protocol }) => protocol === "udp"))
      .map(({ backend }) => backend),
  );
  return backends.filter(({ name }) => names.has(name))
    .reduce((sum, { udp }) => sum + udp.maxSessions, 0);
}

function keptDescriptors(workers: number, { frontends, backends }: Plan): number {
  const listeners = frontends.reduce((sum, one) => sum + one.listeners.length, 0);
  const servers = backends.reduce((sum, backend) => sum + backend.servers.length, 0);
  return RESERVED + servers + workers * (listeners + 2 * MAX_PIPES);
}

function openFilesLimit(): number {
  const line = /^Max open files\s+(\S+)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  return line?.[1] === "unlimited" ? Infinity : Number(line?.[1]);
}

const DESCRIPTORS_A_CONNECTION = 2;
/** For the runtime, the log, the admin API and its callers, netlink and raw sockets. */
const RESERVED = 256;
/** Those of one backend, unless its file says otherwise. */
const USUAL_SESSIONS = 65_536;
/** Some 220 bytes of tables each, of which about 40 are memory before the first connection. */
const MOST_CONNECTIONS = 1_000_000;
