/**
 * The live connections of all workers: listed by what they are, and killed at a bounded rate. What
 * is known of them stands in memory that the workers write; killing is an order to them.
 */

import type { ConnectionFilter, ConnectionPage, KillWish } from "../admin/appliance.ts";
import type { Connection, Killed } from "../admin/model_connections.ts";
import { parseAddress } from "../core/net/address.ts";
import { contains, formatEndpoint, parsePrefix } from "../core/net/prefix.ts";
import { ConnectionReader, type LiveConnection } from "../dataplane/connection_reader.ts";
import { CONNECTING, HELD, RELAYING, WAITING } from "../dataplane/connection_table.ts";
import { monotonicMs } from "../linux/clock.ts";
import type { Cuts } from "./cuts.ts";
import { sleep } from "./sleep.ts";
import type { LivePlaces } from "./tables.ts";
import { wallTime } from "./time.ts";

/** What connections are listed by. */
export interface ConnectionsParts {
  /** By worker: the memory of its connections, and how many it may have. */
  readonly workers: readonly { readonly memory: SharedArrayBuffer; readonly capacity: number }[];
  readonly frontend: (index: number) => string;
  readonly backend: (index: number) => string;
  readonly server: (row: number) => string;
  readonly cuts: Pick<Cuts, "chosen">;
  readonly now?: () => number;
  readonly pause?: (durationMs: number, signal?: AbortSignal) => Promise<void>;
}

/** One connection and where it is. */
interface Found {
  readonly worker: number;
  readonly facts: LiveConnection;
}

/** How fast connections are killed, if they are. */
type Rate = Pick<KillWish, "perSecond" | "dryRun" | "signal">;

/** The live connections. */
export class Connections {
  readonly #parts: ConnectionsParts;
  readonly #readers: readonly ConnectionReader[];

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
    this.#readers = parts.workers.map(({ memory, capacity }) =>
      new ConnectionReader(memory, capacity)
    );
  }

  /** Some connections, and where the list goes on; each is as it was at some moment of this. */
  list(filter: ConnectionFilter, limit: number, after: string | null): ConnectionPage {
    const now = this.#now();
    const items: Connection[] = [];
    let last: Found | undefined;
    for (const found of this.#find(filter, placeOf(after))) {
      if (items.length === limit) return { items, next: last ? nameOf(last) : null };
      items.push(this.#show(found, now));
      last = found;
    }
    return { items, next: null };
  }

  /** Where connections are now: at which indexes, and at which rows. */
  places(): LivePlaces {
    const [frontends, backends, rows] = [new Set<number>(), new Set<number>(), new Set<number>()];
    const note = ({ frontend, backend, row }: LiveConnection) => {
      frontends.add(frontend);
      backends.add(backend);
      rows.add(row);
      return false;
    };
    for (const reader of this.#readers) {
      for (let slot = reader.next(0); slot < reader.capacity; slot = reader.next(slot + 1)) {
        reader.read(slot, note);
      }
    }
    return { frontends, backends, rows };
  }

  /**
   * Kills the connections that are there now, so many a second at most, until the signal is
   * aborted. Who leaves meanwhile is not counted, who comes is left alone.
   */
  async kill(filter: ConnectionFilter, { perSecond, dryRun, signal }: Rate): Promise<Killed> {
    const found = [...this.#find(filter, FIRST)];
    const outcome = { matched: found.length, perSecond };
    if (dryRun) return { ...outcome, killed: 0 };
    const pause = this.#parts.pause ?? sleep;
    const batch = Math.max(1, Math.ceil(perSecond * BATCH_MS / 1000));
    let killed = 0;
    for (let at = 0; at < found.length; at += batch) {
      if (at > 0) await pause(batch * 1000 / perSecond, signal);
      if (signal?.aborted) break;
      killed += await this.#cut(found.slice(at, at + batch));
    }
    return { ...outcome, killed };
  }

  async #cut(found: readonly Found[]): Promise<number> {
    const counts = this.#readers.map((_, worker) => {
      const own = found.filter((one) => one.worker === worker).map(({ facts }) => facts);
      if (own.length === 0) return 0;
      return this.#parts.cuts.chosen(worker, {
        slots: own.map(({ slot }) => slot),
        generations: own.map(({ generation }) => generation),
      });
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  *#find(filter: ConnectionFilter, from: Place): Generator<Found> {
    const prefix = filter.client === undefined ? undefined : parsePrefix(filter.client);
    const isWanted = (facts: LiveConnection) =>
      (filter.backend === undefined || this.#backendOf(facts) === filter.backend) &&
      (filter.server === undefined || this.#serverOf(facts) === filter.server);
    for (const [worker, reader] of this.#readers.entries()) {
      if (worker < from.worker) continue;
      let slot = reader.next(worker === from.worker ? from.slot : 0);
      for (; slot < reader.capacity; slot = reader.next(slot + 1)) {
        const facts = reader.read(slot, isWanted);
        if (!facts) continue;
        const bytes = facts.client && parseAddress(facts.client.address)?.bytes;
        if (prefix && !(bytes && contains(prefix, bytes))) continue;
        yield { worker, facts };
      }
    }
  }

  #show({ worker, facts }: Found, now: number): Connection {
    const { client, acceptedAt, lastActiveAt, receivedBytes, sentBytes } = facts;
    return {
      id: nameOf({ worker, facts }),
      client: client ? formatEndpoint(client.address, client.port) : null,
      frontend: this.#parts.frontend(facts.frontend),
      backend: this.#backendOf(facts),
      server: this.#serverOf(facts),
      state: STATES.get(facts.phase) ?? "queued",
      since: wallTime(acceptedAt),
      ageSeconds: Math.max(0, now - acceptedAt) / 1e3,
      idleSeconds: Math.max(0, now - lastActiveAt) / 1e3,
      ...{ receivedBytes, sentBytes },
    };
  }

  #backendOf({ backend }: LiveConnection): string | null {
    return backend < 0 ? null : this.#parts.backend(backend);
  }

  #serverOf({ row }: LiveConnection): string | null {
    return row < 0 ? null : this.#parts.server(row);
  }

  #now(): number {
    return (this.#parts.now ?? monotonicMs)();
  }
}

/** Where a list goes on. */
interface Place {
  readonly worker: number;
  readonly slot: number;
}

/** `WORKER.SLOT.GENERATION`. */
function nameOf({ worker, facts }: Found): string {
  return `${worker}.${facts.slot}.${facts.generation >>> 0}`;
}

function placeOf(after: string | null): Place {
  if (after === null) return FIRST;
  const [worker = 0, slot = 0] = after.split(".").map(Number);
  return { worker, slot: slot + 1 };
}

const FIRST: Place = { worker: 0, slot: 0 };
/** Connections are killed in batches of so long a time. */
const BATCH_MS = 100;

const STATES: ReadonlyMap<number, Connection["state"]> = new Map([
  [HELD, "reading"],
  [CONNECTING, "connecting"],
  [WAITING, "retrying"],
  [RELAYING, "established"],
]);
