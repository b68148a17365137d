/**
 * Who watches which descriptor that is no connection, by handle. It watches nothing itself: drivers
 * keep their books here.
 */

import type { Fd } from "../linux/libc.ts";
import type { Watcher } from "./driver.ts";

/** Handles, given again only after a generation has passed. */
export class Watches {
  /** By handle; 0 for none. */
  readonly fd: Fd[] = [];
  readonly interests: number[] = [];
  /** Tells the events of a handle's present descriptor from those of the ones before. */
  readonly generation: number[] = [];
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #keys: number[] = [];
  readonly #free: number[] = [];

  /** Notes a watch. @returns its handle. */
  add(fd: Fd, interests: number, watcher: Watcher, key: number): number {
    const handle = this.#free.pop() ?? this.fd.length;
    this.fd[handle] = fd;
    this.interests[handle] = interests;
    this.generation[handle] ??= 0;
    this.#watchers[handle] = watcher;
    this.#keys[handle] = key;
    return handle;
  }

  /** Begins a watch anew for other things: what is still to come of the former one is void. */
  renew(handle: number, interests: number): void {
    this.interests[handle] = interests;
    this.generation[handle] = (this.generation[handle]! + 1) & GENERATION_MASK;
  }

  /** Forgets a watch. */
  remove(handle: number): void {
    this.#watchers[handle] = undefined;
    this.generation[handle] = (this.generation[handle]! + 1) & GENERATION_MASK;
    this.#free.push(handle);
  }

  /** Tells the watcher of a handle; `false` if it is a former one, whose event came too late. */
  tell(handle: number, generation: number, readiness: number, now: number): boolean {
    if (this.generation[handle] !== generation) return false;
    this.#watchers[handle]?.ready(this.#keys[handle]!, readiness, now);
    return true;
  }
}

const GENERATION_MASK = 0xffff;
