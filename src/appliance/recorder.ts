/**
 * The flight recorder: what happened, in order, the last of it in memory and somewhat more on disk.
 * Many servers that come and go do not push out what happened beside them. It is told; it looks at
 * nothing by itself.
 */

import { type Event, EventSchema } from "../admin/model_events.ts";
import { harmless } from "../core/text/harmless.ts";

/** What is told of an event; the rest is filled in. */
export type Happening =
  & Pick<Event, "kind" | "message">
  & Partial<Pick<Event, "virtualRouter" | "by" | "reason" | "transition">>;

/** Where lines are kept: `LineFile`, or nothing at all. */
export interface Lines {
  read(): readonly string[];
  append(line: string): void;
  flush(): Promise<void>;
}

/** Told of each event; `null` means that no more will come. */
export type Follower = (event: Event | null) => void;

/** All events that are still known. */
export class Recorder {
  readonly #node: string;
  readonly #lines: Lines;
  readonly #events: Event[] = [];
  readonly #followers = new Set<Follower>();
  /** How many of the events are not about a server's health. */
  #others = 0;
  #nextId: number;
  #isClosed = false;

  /** Reads what a predecessor has left; lines that are none of ours are passed over. */
  constructor(node: string, lines: Lines) {
    this.#node = node;
    this.#lines = lines;
    for (const event of tail(lines.read()).flatMap(parse)) this.#keep(event);
    this.#nextId = 1 + Math.max(0, ...this.#events.map(({ id }) => id));
  }

  /** Records something that has just happened. */
  record({ kind, message, ...rest }: Happening): Event {
    const event: Event = {
      id: this.#nextId++,
      at: new Date().toISOString(),
      node: this.#node,
      kind,
      // It may quote a server's body.
      message: harmless(message),
      virtualRouter: null,
      by: null,
      reason: null,
      transition: null,
      ...rest,
    };
    this.#keep(event);
    this.#lines.append(JSON.stringify(event));
    for (const follower of this.#followers) follower(event);
    return event;
  }

  /** The events after an id, oldest first. */
  after(id: number): readonly Event[] {
    const first = this.#events.findIndex((event) => event.id > id);
    return first < 0 ? [] : this.#events.slice(first);
  }

  /** Tells of each event from now on; the answer ends that. */
  follow(follower: Follower): () => void {
    if (this.#isClosed) follower(null);
    else this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  /** Sends the followers away, and waits for the disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const follower of this.#followers) follower(null);
    this.#followers.clear();
    await this.#lines.flush();
  }

  #keep(event: Event): void {
    this.#events.push(event);
    if (!isOfServer(event)) this.#others++;
    if (this.#events.length <= MOST_EVENTS) return;
    const isSpared = this.#others <= SPARED_EVENTS;
    const [forgotten] = this.#events.splice(isSpared ? this.#events.findIndex(isOfServer) : 0, 1);
    if (forgotten && !isOfServer(forgotten)) this.#others--;
  }
}

function isOfServer({ kind }: Event): boolean {
  return kind === "server";
}

/** The lines that may still matter: telling them apart like this is cheaper than reading them. */
function tail(lines: readonly string[]): string[] {
  const earlier = lines.slice(0, -MOST_EVENTS).filter((line) => !line.includes(OF_SERVER));
  return [...earlier.slice(-SPARED_EVENTS), ...lines.slice(-MOST_EVENTS)];
}

function parse(line: string): Event[] {
  try {
    const result = EventSchema.safeParse(JSON.parse(line));
    return result.success ? [result.data] : [];
  } catch {
    return [];
  }
}

/** Events kept in memory. */
export const MOST_EVENTS = 1_000;
/** As many of the last ones that are not about a server's health outlast any number that are. */
const SPARED_EVENTS = 200;
/** In a message its quotes would be escaped. */
const OF_SERVER = '"kind":"server"';
