/**
 * The datagram listeners of one worker, by an index that they keep. It neither receives nor sends,
 * and closes none: they are the appliance's.
 */

import { must } from "../../linux/errno.ts";
import { type Driver, READABLE, type Watcher } from "../driver.ts";
import { isWildcard } from "../listener.ts";
import type { Listener } from "../orders.ts";

/** A listener, and what it is watched by. */
export interface Listening extends Listener {
  readonly handle: number;
  readonly isWildcard: boolean;
}

/** Listeners that are watched. */
export class Listeners {
  readonly #driver: Pick<Driver, "watch" | "unwatch">;
  readonly #watcher: Watcher;
  /** `undefined` for one that was given up: the next one has its index. */
  readonly #listeners: (Listening | undefined)[] = [];

  /** @param watcher told of a listener by the complement of its index. */
  constructor(driver: Pick<Driver, "watch" | "unwatch">, watcher: Watcher) {
    this.#driver = driver;
    this.#watcher = watcher;
  }

  /** The listener of an index; `undefined` for one that was given up. */
  at(index: number): Listening | undefined {
    return this.#listeners[index];
  }

  /** Watches one more. */
  add(listener: Listener): void {
    const given = this.#listeners.indexOf(undefined);
    const index = given < 0 ? this.#listeners.length : given;
    const handle = must("watch", this.#driver.watch(listener.fd, READABLE, this.#watcher, ~index));
    this.#listeners[index] = { ...listener, handle, isWildcard: isWildcard(listener) };
  }

  /** Gives up those that are meant. @returns their indexes, of which no session may be left. */
  giveUp(isMeant: (listener: Listening) => boolean): Set<number> {
    const indexes = new Set<number>();
    this.#listeners.forEach((listener, index) => {
      if (!listener || !isMeant(listener)) return;
      this.#driver.unwatch(listener.handle);
      this.#listeners[index] = undefined;
      indexes.add(index);
    });
    return indexes;
  }
}
