/**
 * What operators have said of servers beside the file: the one list of it, the time it keeps, and
 * what happens when that is over. It puts facts into force through {@linkcode Servers} and kills
 * through whoever can; where facts are kept over a restart is for others to say.
 */

import type { ServerChange } from "../admin/appliance.ts";
import type { Server } from "../admin/model.ts";
import {
  type OverrideFact,
  overrideId,
  type ServerFact,
  type StateFact,
  whyGone,
  whyStale,
} from "../core/plan/override.ts";
import type { BackendPlan, ServerPlan } from "../core/plan/plan.ts";
import type { Servers } from "./servers.ts";

/** What overrides work with. */
export interface OverridesParts {
  readonly servers: Servers;
  /** Kills the connections of a server. @returns how many there were, once they are gone. */
  readonly kill: (backend: string, server: string, reason: string) => Promise<number>;
  /** Told in one line of what has happened by itself. */
  readonly note: (message: string) => void;
  /** Keeps a fact over restarts, or forgets it; an answer waits for it. */
  readonly keep?: (id: string, fact: OverrideFact | null) => Promise<void>;
  /** The wall clock. */
  readonly now?: () => number;
}

/** All overrides. */
export class Overrides {
  readonly #parts: OverridesParts;
  readonly #now: () => number;
  readonly #facts = new Map<string, OverrideFact>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: OverridesParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** All facts, in the order in which they were first said. */
  get facts(): readonly OverrideFact[] {
    return [...this.#facts.values()];
  }

  /** Takes up what was kept; what has ended meanwhile ends now. */
  restore(facts: readonly OverrideFact[]): void {
    for (const fact of facts) this.#facts.set(overrideId(fact), fact);
    for (const { backend, server } of facts) this.#enforce(backend, server);
    this.#look();
  }

  /**
   * Changes a server, effective for the next connection of every worker before this first waits.
   *
   * @returns the server after the change; `undefined` when there is none of these names.
   */
  async patch(backend: string, server: string, change: ServerChange): Promise<Server | undefined> {
    const { servers } = this.#parts;
    const plan = servers.planOf(backend, server);
    if (!plan) return undefined;
    const before = this.#of(backend, server);
    const after = nextFacts({ backend, server }, before, plan, change, this.#now());
    if (change.dryRun) return servers.preview(backend, server, after);
    const gone = before.filter((fact) => !after.some(({ field }) => field === fact.field));
    for (const fact of gone) this.#facts.delete(overrideId(fact));
    const fresh = after.filter((fact) => !before.includes(fact));
    for (const fact of fresh) this.#facts.set(overrideId(fact), fact);
    this.#enforce(backend, server);
    this.#look();
    await Promise.all([
      ...gone.map((fact) => this.#keep(overrideId(fact), null)),
      ...fresh.map((fact) => this.#keep(overrideId(fact), fact)),
    ]);
    return servers.find(backend, server);
  }

  /** Goes back to the file where these facts are. A server that was added does not go by this. */
  async clear(facts: readonly OverrideFact[]): Promise<void> {
    for (const fact of facts) this.#facts.delete(overrideId(fact));
    for (const { backend, server } of facts) this.#enforce(backend, server);
    this.#look();
    await Promise.all(facts.map((fact) => this.#keep(overrideId(fact), null)));
  }

  /** What is said of a server that holds beside some backends: a file wins where it is newer. */
  holding(backends: readonly BackendPlan[], backend: string, server: string): OverrideFact[] {
    return this.#of(backend, server).filter((fact) =>
      fact.field !== "server" && whyStale(fact, backends) === undefined
    );
  }

  /**
   * Ends what the backends of a new file overrule, or what they have no server for.
   *
   * @returns a line for each, which has been noted as well.
   */
  endStale(backends: readonly BackendPlan[]): string[] {
    return this.#stale(backends).map(({ id, why }) => {
      const message = `override ${id} is over: ${why}`;
      this.#facts.delete(id);
      this.#parts.note(message);
      this.#forget(this.#keep(id, null));
      return message;
    });
  }

  /** What {@linkcode endStale} would end, a line each. */
  overruled(backends: readonly BackendPlan[]): string[] {
    return this.#stale(backends).map(({ id, why }) => `override ${id} would be over: ${why}`);
  }

  /** Keeps that a server has been added; it is there already. Its weight is said anew. */
  async noteAdded(fact: OverrideFact & ServerFact): Promise<void> {
    const { backend, server, value: { weight } } = fact;
    this.#facts.set(overrideId(fact), fact);
    const kept = [this.#keep(overrideId(fact), fact)];
    for (const old of this.#of(backend, server)) {
      if (old.field !== "weight" || old.file === weight) continue;
      this.#facts.delete(overrideId(old));
      this.#parts.note(`override ${overrideId(old)} is over: ${server} was added with ${weight}`);
      kept.push(this.#keep(overrideId(old), null));
    }
    await Promise.all(kept);
  }

  /** Keeps that a server that was added has gone, and what was said of it with it. */
  async noteRemoved(backend: string, server: string): Promise<void> {
    const gone = this.#of(backend, server);
    for (const fact of gone) this.#facts.delete(overrideId(fact));
    await Promise.all(gone.map((fact) => this.#keep(overrideId(fact), null)));
  }

  /** Keeps the time no longer. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #stale(backends: readonly BackendPlan[]): { id: string; why: string }[] {
    const added = this.facts.filter((fact) =>
      fact.field === "server" && whyStale(fact, backends) === undefined
    );
    return this.facts.flatMap((fact) => {
      const why = whyStale(fact, backends) ?? whyGone(fact, backends, added);
      return why === undefined ? [] : [{ id: overrideId(fact), why }];
    });
  }

  #of(backend: string, server: string): OverrideFact[] {
    return this.facts.filter((fact) => fact.backend === backend && fact.server === server);
  }

  #enforce(backend: string, server: string): void {
    this.#parts.servers.override(backend, server, this.#of(backend, server));
  }

  async #keep(id: string, fact: OverrideFact | null): Promise<void> {
    await this.#parts.keep?.(id, fact);
  }

  /** Does what is due, and comes back when the next is. */
  #look(): void {
    clearTimeout(this.#timer);
    const now = this.#now();
    for (const fact of this.facts) {
      // What ends at its deadline has had both.
      if (fact.field === "state" && dueAt(fact.deadline?.at) <= now) this.#conclude(fact);
      if (dueAt(fact.until) <= now) this.#expire(fact);
    }
    const next = Math.min(
      ...this.facts.map((fact) => dueAt(fact.until)),
      ...this.facts.map((fact) => dueAt(fact.field === "state" ? fact.deadline?.at : null)),
    );
    if (next === Infinity) return;
    // The wall clock may be set, and timers do not take long times: look again now and then.
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.max(0, next - now), LOOK_MS));
  }

  #expire(fact: OverrideFact): void {
    const { backend, server, field, value, by } = fact;
    this.#facts.delete(overrideId(fact));
    this.#enforce(backend, server);
    const what = typeof value === "object" ? field : `${field} ${value}`;
    this.#parts.note(`server ${backend}/${server}: ${what} (by ${by}) is over: its time has come`);
    this.#forget(this.#keep(overrideId(fact), null));
  }

  /** The deadline of a drain has come. */
  #conclude(fact: OverrideFact & StateFact): void {
    const { backend, server, deadline } = fact;
    const { kill, note, servers } = this.#parts;
    const after = { ...fact, deadline: null };
    this.#facts.set(overrideId(fact), after);
    this.#enforce(backend, server);
    this.#forget(this.#keep(overrideId(fact), after));
    const left = servers.find(backend, server)?.connections.active ?? 0;
    const message = `server ${backend}/${server}: the deadline of ${fact.value} has passed`;
    if (left === 0 || deadline?.then !== "kill") {
      note(`${message}; ${left} connections remain`);
      return;
    }
    note(`${message}; the ${left} connections that remain are killed`);
    this.#forget(
      kill(backend, server, "the deadline has passed").then((killed) =>
        note(`server ${backend}/${server}: ${killed} connections were killed`)
      ),
    );
  }

  #forget(done: Promise<void>): void {
    done.catch((error) => this.#parts.note(`overrides: ${error}`));
  }
}

/** The facts about a server after a change. */
function nextFacts(
  name: { readonly backend: string; readonly server: string },
  before: readonly OverrideFact[],
  plan: ServerPlan,
  change: ServerChange,
  now: number,
): OverrideFact[] {
  const at = new Date(now).toISOString();
  const until = instant(now, change.ttlMs);
  const said = { ...name, by: change.caller.name, reason: change.reason, at, until };
  const deadline = change.deadline
    ? { at: instant(now, change.deadline.afterMs) ?? at, then: change.deadline.then }
    : null;
  // Alone, a time and a deadline are about what has been said before.
  const isNew = change.state !== undefined || change.weight !== undefined;
  const old = before.map((fact): OverrideFact => {
    if (isNew || fact.field === "server") return fact;
    const renewed = change.ttlMs === undefined ? fact : { ...fact, until };
    if (renewed.field !== "state" || change.deadline === undefined) return renewed;
    return { ...renewed, deadline };
  });
  const facts = old.filter(({ field }) =>
    !(field === "state" && change.state !== undefined) &&
    !(field === "weight" && change.weight !== undefined)
  );
  const { state, weight } = change;
  if (state && (state !== plan.state || deadline)) {
    facts.push({ ...said, field: "state", value: state, file: plan.state, deadline });
  }
  if (typeof weight === "number" && weight !== plan.weight) {
    facts.push({ ...said, field: "weight", value: weight, file: plan.weight });
  }
  return facts;
}

function instant(now: number, afterMs: number | null | undefined): string | null {
  return typeof afterMs === "number" ? new Date(now + afterMs).toISOString() : null;
}

function dueAt(instant: string | null | undefined): number {
  return typeof instant === "string" ? Date.parse(instant) : Infinity;
}

const LOOK_MS = 3_600_000;
