/**
 * Makes data-plane workers look at the tables now. It writes nothing there.
 */

import { signal } from "../linux/eventfd.ts";
import type { Fd } from "../linux/libc.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** Clients may be waiting for what has changed: workers look for themselves, but seldom. */
export function wakeWorkers({ admission }: SharedMemory): void {
  for (let worker = 0; worker < admission.workers; worker++) {
    const wake = admission.wake(worker);
    if (wake > 0) signal(wake as Fd);
  }
}
