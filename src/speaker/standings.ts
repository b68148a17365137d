/**
 * How the trackers of one virtual router stand: those of the appliance, as it has said, and those
 * of interfaces, which are the speaker's own; and the kernel, where it takes none of the addresses.
 * Finds nothing out, and moves nothing.
 */

import { combine, type Standing, type Tracked, UNMOVED } from "../core/track/combine.ts";

/** What moves one virtual router; the circle settles what follows from a change. */
export class Standings {
  /** What those of the appliance come to. */
  ordered: Standing = UNMOVED;
  /** Each of an interface. */
  interfaces: readonly Tracked[] = [];
  #refusal: string | null = null;
  #retryAt = Infinity;

  /** What all of them make of the virtual router. */
  get standing(): Standing {
    const interfaces = combine(this.interfaces);
    return {
      points: this.ordered.points + interfaces.points,
      yield: this.#refusal ?? this.ordered.yield ?? interfaces.yield,
    };
  }

  /** When the kernel is to be asked again; `Infinity` while it has not refused. */
  get retryAt(): number {
    return this.#retryAt;
  }

  /** The kernel takes none of the addresses: a peer should have them, until it does. */
  refuse(why: string, now: number): void {
    this.#refusal = why;
    this.#retryAt = now + RETRY_MS;
  }

  /** Asks the kernel again if it is time. @returns whether it takes them now. */
  retry(takes: () => boolean, now: number): boolean {
    if (now < this.#retryAt) return false;
    const isOver = takes();
    this.#retryAt = isOver ? Infinity : now + RETRY_MS;
    if (isOver) this.#refusal = null;
    return isOver;
  }
}

const RETRY_MS = 1_000;
