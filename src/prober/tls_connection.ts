/**
 * A connection over TLS that several checks may use, one after another.
 */

import type { TLSSocket } from "node:tls";

/** A connection, and whoever uses it at the moment: a check, or nobody between two of them. */
export class TlsConnection {
  readonly #socket: TLSSocket;
  readonly #ageing: ReturnType<typeof setTimeout>;
  #isOld = false;
  #user: ConnectionUser | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#ageing = setTimeout(() => {
      this.#isOld = true;
      if (!this.#user) this.close();
    }, OLD_MS);
    socket.on("connect", () => this.#user?.connected());
    socket.on("secureConnect", () => this.#user?.secured());
    // Between two checks nothing is expected.
    socket.on("data", (piece: Uint8Array) => this.#user ? this.#user.hear(piece) : this.close());
    socket.on("end", () => this.#user ? this.#user.ended() : this.close());
    socket.on("error", (error) => this.#user ? this.#user.failed(error) : this.close());
    socket.on("close", () => this.#user ? this.#user.ended() : this.close());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** From now on `user` is told what happens. */
  use(user: ConnectionUser): void {
    this.#user = user;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Nobody uses it for now. @returns whether another check may: an old one is closed. */
  rest(): boolean {
    this.#user = undefined;
    if (this.#isOld) this.close();
    return !this.#isOld;
  }

  /** Says goodbye, but leaves the server time to send its tickets. */
  leave(): void {
    this.#user = undefined;
    this.#socket.end();
    this.#socket.setTimeout(TICKETS_MS, () => this.close());
  }

  close(): void {
    clearTimeout(this.#ageing);
    this.#user = undefined;
    this.#socket.destroy();
  }
}

/** The check that uses a connection. */
export interface ConnectionUser {
  connected(): void;
  secured(): void;
  hear(piece: Uint8Array): void;
  ended(): void;
  failed(error: NodeJS.ErrnoException): void;
}

/**
 * How long a connection serves checks. A server that lets nobody else in, or shows another
 * certificate, is noticed so much later at worst.
 */
export const OLD_MS = 10_000;

/** How long a server may take to send its tickets. */
const TICKETS_MS = 1_000;
