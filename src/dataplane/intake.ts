/**
 * Receives what clients send before they have a server, into the buffer that is delivered first. It
 * waits for nothing and understands nothing.
 */

import { EAGAIN, ENOBUFS } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import { BUFFER_BYTES, type Buffers, NO_BUFFER } from "./buffers.ts";
import { type ConnectionTable, ENDED } from "./connection_table.ts";
import type { SocketIo } from "./kernel.ts";

/** Fills the buffers of clients' sides. */
export class Intake {
  readonly #io: SocketIo;
  readonly #table: ConnectionTable;
  readonly #buffers: Buffers;
  readonly #scratch: Uint8Array<ArrayBuffer> = new Uint8Array(1);

  constructor(io: SocketIo, table: ConnectionTable, buffers: Buffers) {
    this.#io = io;
    this.#table = table;
    this.#buffers = buffers;
  }

  /** The bytes of a slot's client: so many as `buffered` says; only while there are any. */
  view(slot: number): Uint8Array<ArrayBuffer> {
    return this.#buffers.view(this.#table.buffer[2 * slot]!);
  }

  /**
   * Receives what the client of a slot has sent so far, behind what is in its buffer already.
   *
   * @returns how many bytes; 0 at the end of its stream; `-EAGAIN` when nothing has come;
   * `-ENOBUFS` when there is no room for it; anything else is the client's death.
   */
  receive(slot: number): number {
    const table = this.#table;
    const side = 2 * slot;
    const held = table.buffered[side]!;
    if (held === BUFFER_BYTES) return -ENOBUFS;
    if (table.buffer[side] === NO_BUFFER) {
      // Some buffers are left for directions that cannot do without.
      if (this.#buffers.available <= this.#buffers.count / 2) return -ENOBUFS;
      table.buffer[side] = this.#buffers.take();
    }
    const view = this.#buffers.view(table.buffer[side]!);
    const client = table.fd[side]! as Fd;
    const received = this.#io.recv(client, held === 0 ? view : view.subarray(held));
    if (received > 0) {
      table.buffered[side] = held + received;
      return received;
    }
    if (held === 0) {
      this.#buffers.give(table.buffer[side]!);
      table.buffer[side] = NO_BUFFER;
    }
    if (received === 0) table.flags[side]! |= ENDED;
    if (received === 0 || received === -EAGAIN) return received;
    // Errors are looked at twice, as everywhere: an error number is not beyond doubt.
    const again = this.#io.peek(client, this.#scratch);
    return again > 0 || again === -EAGAIN ? -EAGAIN : received;
  }
}
