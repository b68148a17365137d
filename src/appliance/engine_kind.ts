/**
 * Which of the data plane's engines runs on this host: what the configuration asks for, as far as
 * the kernel lets us have it.
 */

import { EACCES, EINVAL, ENOSYS, EPERM, errorName } from "../linux/errno.ts";
import type { Plan } from "../core/plan/plan.ts";
import type { EngineKind } from "../dataplane/orders.ts";
import { CannotRun } from "./cannot_run.ts";

/** An engine, and why it is that one. */
export interface ChosenEngine {
  readonly engine: EngineKind;
  readonly reason: string;
}

/**
 * Chooses the engine.
 *
 * @param probe tries io_uring: 0, or −errno.
 * @throws {CannotRun} where io_uring is asked for and not to be had.
 */
export function chooseEngine(wanted: Plan["engine"], probe: () => number): ChosenEngine {
  if (wanted === "epoll") return { engine: "epoll", reason: "the configuration asks for it" };
  const probed = probe();
  if (probed === 0) {
    const isWanted = wanted === "uring";
    return {
      engine: "uring",
      reason: isWanted ? "the configuration asks for it" : "this kernel offers io_uring",
    };
  }
  const cause = causeOf(-probed);
  if (wanted === "auto") return { engine: "epoll", reason: `no io_uring: ${cause}` };
  throw new CannotRun(`engine: uring is not to be had: ${cause}; or set engine: auto`);
}

function causeOf(errno: number): string {
  switch (errno) {
    case ENOSYS:
    case EINVAL:
      return `the kernel does not offer it (${errorName(errno)}; it takes Linux 6.1 or later)`;
    case EPERM:
    case EACCES:
      return `it is forbidden (${
        errorName(errno)
      }; allow it by sysctl kernel.io_uring_disabled=0 ` +
        "and in the container's seccomp profile)";
    default:
      return errorName(errno);
  }
}
