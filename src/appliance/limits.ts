/**
 * How many connections this process can hold.
 */

import type { Plan } from "../core/plan/plan.ts";
import { MAX_PIPES } from "../dataplane/connection_memory.ts";
import { CannotRun } from "./cannot_run.ts";

/**
 * Connections that each data-plane worker may hold, from RLIMIT_NOFILE; a million for all workers
 * together at most, since their tables are laid out at the start.
 *
 * @throws {CannotRun} when the limit leaves none.
 * @see getrlimit(2)
 */
export function connectionsPerWorker(
  workers: number,
  plan: Plan,
  limit = openFilesLimit(),
): number {
  const listeners = plan.frontends.reduce((sum, one) => sum + one.listeners.length, 0);
  const servers = plan.backends.reduce((sum, backend) => sum + backend.servers.length, 0);
  const kept = RESERVED + servers + workers * (listeners + 2 * MAX_PIPES);
  const held = Math.min((limit - kept) / DESCRIPTORS_A_CONNECTION, MOST_CONNECTIONS);
  const connections = Math.floor(held / workers);
  if (connections < 1) {
    throw new CannotRun(
      `the limit of ${limit} open files leaves none for connections: ${kept} go to listeners, ` +
        "checks and pipes; raise it (ulimit -n, LimitNOFILE=)",
    );
  }
  return connections;
}

function openFilesLimit(): number {
  const line = /^Max open files\s+(\S+)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  return line?.[1] === "unlimited" ? Infinity : Number(line?.[1]);
}

const DESCRIPTORS_A_CONNECTION = 2;
/** For the runtime, the log, the admin API and its callers, netlink and raw sockets. */
const RESERVED = 256;
/** Some 220 bytes of tables each, of which about 40 are memory before the first connection. */
const MOST_CONNECTIONS = 1_000_000;
