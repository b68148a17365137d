/**
 * Checks by a program of the user's. It runs without a shell and in a process group of its own; few
 * run at once, and never two for one server, however long the killed ones take to go.
 */

import type { Row } from "../memory/server_table.ts";
import { killGroup, runCommand } from "../linux/command.ts";
import type { CheckedServer } from "./orders.ts";
import { FailedProbe, type Outcome, type Probe, target } from "./probe.ts";

/** Zeroed memory in which {@linkcode ScriptProbes} writes down what it runs. */
export function scriptMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(AT_ONCE * Int32Array.BYTES_PER_ELEMENT);
}

/** Kills the programs that a prober's thread has left. Call it only once the thread is gone. */
export function reclaimScripts(memory: SharedArrayBuffer): void {
  const processes = new Int32Array(memory);
  for (const pid of processes) if (pid !== 0) killGroup(pid);
  processes.fill(0);
}

/** Runs the programs of one prober. */
export class ScriptProbes {
  /** Processes by place; 0 means that the place is free. */
  readonly #processes: Int32Array<SharedArrayBuffer>;
  readonly #running = new Set<Row>();

  /** @param memory from {@linkcode scriptMemory}, zeroed or reclaimed. */
  constructor(memory: SharedArrayBuffer) {
    this.#processes = new Int32Array(memory);
  }

  /** Whether a program may be started for a server now. */
  hasRoom(row: Row): boolean {
    return this.#running.size < AT_ONCE && !this.#running.has(row);
  }

  /** Starts a check of the type `script`. */
  start(
    server: CheckedServer,
    command: readonly string[],
    done: (outcome: Outcome) => void,
  ): Probe {
    if (!this.hasRoom(server.row)) return new FailedProbe(NO_ROOM, done);
    const end = new AbortController();
    this.#run(server, command, end.signal).then((outcome) => {
      if (!end.signal.aborted) done(outcome);
    });
    return {
      timeOut: () => {
        end.abort();
        return { code: "PROCTOUT", text: "the script did not end in time, and was killed" };
      },
      abandon: () => end.abort(),
    };
  }

  async #run(
    server: CheckedServer,
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    const place = this.#processes.indexOf(0);
    this.#running.add(server.row);
    try {
      const { ok, detail } = await runCommand(command, LONGEST_MS, signal, {
        env: environment(server),
        spawned: (pid) => this.#processes[place] = pid,
      });
      return ok ? { code: "PROCOK", text: "" } : { code: "PROCERR", text: detail };
    } catch (error) {
      return { code: "SOCKERR", text: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#processes[place] = 0;
      this.#running.delete(server.row);
    }
  }
}

/** What a script is told of the server that it is to check. */
function environment(server: CheckedServer): Record<string, string> {
  const { address, port } = target(server);
  return {
    LINTEL_BACKEND: server.backend,
    LINTEL_SERVER: server.server,
    LINTEL_ADDRESS: address,
    LINTEL_PORT: port === 0 ? "" : String(port),
  };
}

const NO_ROOM: Outcome = { code: "SOCKERR", text: "too many scripts run already" };

/** Programs at once: each costs a process, and memory of its own. */
const AT_ONCE = 16;

/** The prober ends a check long before, at its own timeout. */
const LONGEST_MS = 0x7fff_ffff;
