/**
 * Asks the data plane to release the addresses of virtual routers, by shared memory, and notices
 * when it has. The appliance is told beside this, and closes the listeners.
 */

import { signal } from "../linux/eventfd.ts";
import type { Fd } from "../linux/libc.ts";
import { ReleaseLane } from "../memory/release_lane.ts";
import type { StartOrder } from "./orders.ts";
import type { Participant } from "./participant.ts";

/** What has been asked for and is not done yet. */
export class Releases {
  readonly #lane: ReleaseLane | undefined;
  readonly #workers: readonly number[];
  /** By row. */
  readonly #asked = new Map<number, Participant>();

  constructor(release: StartOrder["release"]) {
    this.#lane = release && new ReleaseLane(release.lane);
    this.#workers = release?.workers ?? [];
  }

  /** Asks for this virtual router, too, whenever its connections must go. */
  serve(participant: Participant): void {
    participant.onRelease = () => this.#ask(participant, participant.row);
  }

  /** Tells whose addresses have been released. To be called after each wake-up. */
  settle(now: number): void {
    if (this.#asked.size === 0) return;
    for (const [row, participant] of this.#asked) {
      if (!this.#lane?.isDone(row)) continue;
      this.#asked.delete(row);
      participant.give({ kind: "released" }, now);
    }
  }

  #ask(participant: Participant, row: number): void {
    if (!this.#lane) return;
    this.#lane.ask(row);
    this.#asked.set(row, participant);
    // The appliance keeps them open for as long as this thread runs.
    for (const worker of this.#workers) signal(worker as Fd);
  }
}
