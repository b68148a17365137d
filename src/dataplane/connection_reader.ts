/**
 * The live connections of a worker as another thread sees them: read out of shared memory while the
 * worker goes on. It changes nothing, and asks the kernel for an address only where nobody has.
 */

import type { Fd } from "../linux/libc.ts";
import { type InetAddress, readInetAddress, SOCKADDR_IN6_BYTES } from "../linux/sockaddr.ts";
import { type ConnectionMemory, layConnections } from "./connection_memory.ts";
import { FREE, LEAVING } from "./connection_table.ts";
import { type Kernel, linux } from "./kernel.ts";

/** What is known of a live connection. Instants are monotonic. */
export interface LiveConnection {
  readonly slot: number;
  /** Of its client's side: the connection in this slot, and no other. */
  readonly generation: number;
  readonly phase: number;
  readonly frontend: number;
  readonly backend: number;
  /** Of its server; −1 where it has none. */
  readonly row: number;
  readonly acceptedAt: number;
  readonly lastActiveAt: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** `undefined` where the client is gone. */
  readonly client: InetAddress | undefined;
}

/** Reads the connections of one worker. */
export class ConnectionReader {
  readonly #memory: ConnectionMemory;
  readonly #kernel: Pick<Kernel, "peerName">;
  readonly #address: Uint8Array<ArrayBuffer> = new Uint8Array(SOCKADDR_IN6_BYTES);
  /** How many slots there are. */
  readonly capacity: number;

  constructor(
    memory: SharedArrayBuffer,
    capacity: number,
    kernel: Pick<Kernel, "peerName"> = linux,
  ) {
    this.#memory = layConnections(memory, capacity);
    this.#kernel = kernel;
    this.capacity = capacity;
  }

  /** The first slot from `slot` on that is taken; the capacity where there is none. */
  next(slot: number): number {
    const { phases } = this.#memory;
    let at = slot;
    while (at < this.capacity && (phases[at] === FREE || phases[at] === LEAVING)) at++;
    return at;
  }

  /**
   * The connection of a slot; `undefined` where there is none, or where it became another one while
   * it was read.
   *
   * @param isWanted looked at before the client's address is asked for.
   */
  read(slot: number, isWanted: (facts: LiveConnection) => boolean): LiveConnection | undefined {
    const memory = this.#memory;
    const generation = Atomics.load(memory.generations, 2 * slot);
    const phase = Atomics.load(memory.phases, slot);
    if (phase === FREE || phase === LEAVING) return undefined;
    const client = 2 * slot;
    const beganAt = memory.beganAt[0]!;
    const facts: LiveConnection = {
      ...{ slot, generation, phase },
      frontend: memory.frontends[slot]! - 1,
      backend: memory.backends[slot]!,
      row: memory.rows[slot]! - 1,
      acceptedAt: beganAt + memory.acceptedAt[slot]!,
      lastActiveAt: beganAt + memory.lastActiveAt[slot]!,
      receivedBytes: memory.counted[client]! + memory.moved[client]!,
      sentBytes: memory.counted[client + 1]! + memory.moved[client + 1]!,
      client: undefined,
    };
    if (!isWanted(facts)) return undefined;
    const address = this.#clientOf(slot);
    const isSame = Atomics.load(memory.generations, client) === generation &&
      Atomics.load(memory.phases, slot) !== LEAVING;
    return isSame && facts.frontend >= 0 ? { ...facts, client: address } : undefined;
  }

  #clientOf(slot: number): InetAddress | undefined {
    const { clients, fds } = this.#memory;
    const from = SOCKADDR_IN6_BYTES * slot;
    for (let at = 0; at < SOCKADDR_IN6_BYTES; at++) this.#address[at] = clients[from + at]!;
    if (this.#address[0] === 0) {
      // The descriptors of all threads are those of the process.
      const length = this.#kernel.peerName(fds[2 * slot]! as Fd, this.#address);
      if (length < 0) return undefined;
    }
    return readInetAddress(this.#address);
  }
}
