/**
 * Standby: this node refuses to be Active until somebody or a time says otherwise, also after a
 * restart. It remembers and keeps the time; the speaker does it.
 */

import { Conflict, type StandbyWish } from "../admin/appliance.ts";
import { type Standby, StandbySchema } from "../admin/model.ts";
import { readFile, removeFile, replaceFile } from "../journal/small_file.ts";
import type { Outcome } from "./speaker_link.ts";

/** What standby works with. */
export interface StandbyParts {
  /** Where it is remembered. */
  readonly path: string;
  /** Why this node cannot refuse to be Active, if it cannot. */
  readonly hindrance: () => string | null;
  readonly order: (enabled: boolean, force: boolean) => Promise<Outcome>;
  /** Told when its time is over and it has ended by itself. */
  readonly expired: (outcome: Outcome) => void;
  /** Told of what could not be read or removed. */
  readonly fault: (message: string) => void;
  /** The wall clock. */
  readonly now?: () => number;
}

/** Whether this node is in standby. */
export class StandbyKeeper {
  readonly #parts: StandbyParts;
  readonly #now: () => number;
  #state: Standby = OFF;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isChanging = false;

  constructor(parts: StandbyParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** As it is now. */
  get state(): Standby {
    return this.#state;
  }

  /** Takes up what was remembered. @returns whether this node starts in standby. */
  restore(): boolean {
    this.#state = this.#remembered();
    if (this.#state.enabled && this.#leftMs() <= 0) {
      this.#state = OFF;
      this.#forget();
    }
    this.#arm();
    return this.#state.enabled;
  }

  /**
   * Changes it.
   *
   * @throws {Conflict} when it cannot be, no peer has taken over, or it could not be remembered.
   */
  async set(wish: StandbyWish): Promise<Standby> {
    const hindrance = wish.enabled ? this.#parts.hindrance() : null;
    if (hindrance !== null) throw new Conflict(hindrance);
    const next = wish.enabled ? this.#wanted(wish) : OFF;
    if (wish.dryRun) return next;
    if (this.#isChanging) throw new Conflict("a change of standby is under way");
    this.#isChanging = true;
    try {
      await this.#change(next, wish.force);
      return next;
    } finally {
      this.#isChanging = false;
    }
  }

  /** Keeps the time no longer. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  async #change(next: Standby, force: boolean): Promise<void> {
    const before = this.#state;
    // Remembered first: a node that loses its power on the way must not come back as Active.
    if (next.enabled) this.#remember(next, force);
    if (next.enabled !== before.enabled) {
      const { ok, detail } = await this.#parts.order(next.enabled, force);
      if (!ok) {
        if (!before.enabled) this.#forget();
        throw new Conflict(detail);
      }
    }
    this.#state = next;
    if (!next.enabled) this.#forget();
    this.#arm();
  }

  #wanted({ ttlMs, reason, caller }: StandbyWish): Standby {
    const now = this.#now();
    const until = ttlMs === null ? null : new Date(now + ttlMs).toISOString();
    return { enabled: true, until, reason, by: caller.name, at: new Date(now).toISOString() };
  }

  #leftMs(): number {
    return this.#state.until === null ? Infinity : Date.parse(this.#state.until) - this.#now();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const leftMs = this.#state.enabled ? this.#leftMs() : Infinity;
    if (leftMs === Infinity) return;
    // The wall clock may be set, and timers do not take long times: look again now and then.
    this.#timer = setTimeout(() => {
      if (this.#leftMs() > 0) this.#arm();
      else this.#expire();
    }, Math.min(Math.max(leftMs, 0), LOOK_MS));
  }

  async #expire(): Promise<void> {
    if (this.#isChanging) {
      this.#timer = setTimeout(() => this.#expire(), RETRY_MS);
      return;
    }
    this.#isChanging = true;
    const outcome = await this.#parts.order(false, false);
    this.#isChanging = false;
    if (outcome.ok) {
      this.#state = OFF;
      this.#forget();
    } else {
      this.#timer = setTimeout(() => this.#expire(), RETRY_MS);
    }
    this.#parts.expired(outcome);
  }

  #remembered(): Standby {
    const { path, fault } = this.#parts;
    try {
      const text = readFile(path);
      if (text === undefined) return OFF;
      const result = StandbySchema.safeParse(JSON.parse(text));
      if (result.success) return result.data;
      fault(`standby: ${path} is not what was written there; it counts as off`);
    } catch (error) {
      fault(`standby: ${path} cannot be read (${messageOf(error)}); it counts as off`);
    }
    return OFF;
  }

  #remember(standby: Standby, force: boolean): void {
    try {
      replaceFile(this.#parts.path, JSON.stringify(standby));
    } catch (error) {
      const message = `standby would not outlast a restart: ${messageOf(error)}`;
      if (!force) throw new Conflict(`${message}; force takes it until then`);
      this.#parts.fault(message);
    }
  }

  #forget(): void {
    try {
      removeFile(this.#parts.path);
    } catch (error) {
      this.#parts.fault(`standby comes back with the next start: ${messageOf(error)}`);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const OFF: Standby = { enabled: false, until: null, reason: null, by: null, at: null };
const LOOK_MS = 3_600_000;
const RETRY_MS = 1_000;
