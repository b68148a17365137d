/**
 * One TCP listener of the admin API whose place, certificates and answers may change while it is
 * open. Requests that are being answered end in peace. Who is let in is for the answers to decide.
 */

import type { Answer, HttpListener, TlsOptions } from "./http_listener.ts";

/** Where a door is; `null` means in clear. */
export interface TcpPlace {
  readonly address: string;
  readonly port: number;
  readonly tls?: TlsOptions | null;
}

/** A listener that can be moved. */
export class TcpDoor {
  readonly #listen: (place: TcpPlace, answer: Answer) => Promise<HttpListener>;
  readonly #closing = new Set<Promise<void>>();
  #place: TcpPlace | null = null;
  #listener: HttpListener | undefined;
  #answer: Answer = () => new Response(null, { status: 503 });

  /** @param listen throws what kept it from listening. */
  constructor(listen: (place: TcpPlace, answer: Answer) => Promise<HttpListener>) {
    this.#listen = listen;
  }

  /**
   * Answers at a place from now on, and nowhere else; nowhere at all at `null`.
   *
   * @throws what kept it from listening; another call puts it back where it was.
   */
  async apply(place: TcpPlace | null, answer: Answer): Promise<void> {
    this.#answer = answer;
    if (JSON.stringify(place) === JSON.stringify(this.#place)) return;
    const before = this.#listener;
    const isSamePort = place?.port === this.#place?.port;
    // Nobody can listen twice on one port; another one is first seen to be free.
    if (isSamePort) this.#close(before);
    const current: Answer = (request, peer) => this.#answer(request, peer);
    this.#listener = place ? await this.#listen(place, current) : undefined;
    this.#place = place;
    if (!isSamePort) this.#close(before);
  }

  /** Takes no more requests, and lets those that are being answered end. */
  async stop(): Promise<void> {
    this.#close(this.#listener);
    await Promise.all(this.#closing);
  }

  /** Whoever asked for the change may be waiting for its answer here: nobody waits for that. */
  #close(listener: HttpListener | undefined): void {
    if (!listener) return;
    if (listener === this.#listener) [this.#listener, this.#place] = [undefined, null];
    const closed = listener.shutdown().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
