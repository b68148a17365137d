/**
 * What is to be said of each connection that has ended, on its way from the worker that knows it to
 * whoever writes it down: a ring of records in shared memory. It formats nothing.
 */

/** The dimensions of a {@linkcode ConnectionLog} and, once it exists, its memory. */
export interface ConnectionLogShape {
  /** Records, a power of two. */
  readonly capacity: number;
  readonly buffer?: SharedArrayBuffer;
}

/** The numbers of a record. Instants are monotonic, in milliseconds; durations −1 for none. */
export const LOG_FIELDS = [
  "endedAt",
  "acceptedAt",
  "queueMs",
  "connectMs",
  /** Indexes, or −1: of the frontend, the backend, the server's row, the reason. */
  "frontend",
  "backend",
  "row",
  "closing",
  /** The phase in which it ended, and whether the client had ended its stream before. */
  "phase",
  "clientEnded",
  /** Bytes, seen from lintel's clients. */
  "received",
  "sent",
  "retries",
  "redispatched",
  /** Connections beside this one: the worker's own, its frontend's, its server's. */
  "openWorker",
  "openFrontend",
  "openServer",
  /**
   * Its place in the queue for a server when it joined, 0 where it never waited; and whether that
   * was the queue of one server.
   */
  "queuePlace",
  "isOwnQueue",
] as const;

/** The place of a number in a record. */
export type LogField = (typeof LOG_FIELDS)[number];

/**
 * A bounded ring with one writing thread and one reading thread, which never wait for each other.
 * A record that finds no room is counted and lost.
 *
 * Writers: the head, the losses and the records, the worker; the tail, the main thread.
 */
export class ConnectionLog {
  readonly shape: ConnectionLogShape;
  /** Head, tail, losses; each wraps. */
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #numbers: Float64Array<SharedArrayBuffer>;
  readonly #clients: Uint8Array<SharedArrayBuffer>;
  readonly #capacity: number;

  constructor({ capacity, buffer }: ConnectionLogShape) {
    const numbers = 8 * capacity * LOG_FIELDS.length;
    const memory = buffer ?? new SharedArrayBuffer(numbers + capacity * CLIENT_BYTES + 16);
    this.shape = { capacity, buffer: memory };
    this.#capacity = capacity;
    this.#numbers = new Float64Array(memory, 0, capacity * LOG_FIELDS.length);
    this.#clients = new Uint8Array(memory, numbers, capacity * CLIENT_BYTES);
    this.#counts = new Int32Array(memory, numbers + capacity * CLIENT_BYTES, 4);
  }

  /** Where the next record goes; NO_ROOM, which is counted, where the reader is too far behind. */
  claim(): number {
    const head = Atomics.load(this.#counts, HEAD);
    if (head - Atomics.load(this.#counts, TAIL) >>> 0 >= this.#capacity) {
      Atomics.add(this.#counts, LOST, 1);
      return NO_ROOM;
    }
    return head & (this.#capacity - 1);
  }

  /** Writes a number of the record that was claimed. */
  put(place: number, field: number, value: number): void {
    this.#numbers[place * LOG_FIELDS.length + field] = value;
  }

  /** Copies the socket address of a slot out of `clients` into the record that was claimed. */
  putClient(place: number, clients: Uint8Array, slot: number): void {
    const from = slot * CLIENT_BYTES;
    const to = place * CLIENT_BYTES;
    for (let at = 0; at < CLIENT_BYTES; at++) this.#clients[to + at] = clients[from + at]!;
  }

  /** Hands over the record that was claimed. */
  commit(): void {
    Atomics.add(this.#counts, HEAD, 1);
  }

  /** Takes out the oldest record; `undefined` where there is none. */
  take(): LogRecord | undefined {
    const tail = Atomics.load(this.#counts, TAIL);
    if (tail === Atomics.load(this.#counts, HEAD)) return undefined;
    const place = tail & (this.#capacity - 1);
    const first = place * LOG_FIELDS.length;
    const numbers = Object.fromEntries(
      LOG_FIELDS.map((field, at) => [field, this.#numbers[first + at]!]),
    ) as Record<LogField, number>;
    const client = this.#clients.slice(place * CLIENT_BYTES, (place + 1) * CLIENT_BYTES);
    Atomics.store(this.#counts, TAIL, (tail + 1) | 0);
    return { ...numbers, client: new Uint8Array(client) };
  }

  /** How many records have found no room. */
  get lost(): number {
    return Atomics.load(this.#counts, LOST) >>> 0;
  }
}

/** One connection that has ended. */
export type LogRecord = Readonly<Record<LogField, number>> & {
  /** Its socket address, of family 0 where it was not to be had any more. */
  readonly client: Uint8Array<ArrayBuffer>;
};

/** There is no room for a record. */
export const NO_ROOM = -1;

/** Of a `sockaddr_in6`. */
const CLIENT_BYTES = 28;
const HEAD = 0;
const TAIL = 1;
const LOST = 2;
