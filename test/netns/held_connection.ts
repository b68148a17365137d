/**
 * A client's connection that is opened, asked once and then held, to see how it ends.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { EAGAIN, errorName, must } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inetAddressOf } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  close,
  connect,
  recv,
  send,
  SOCK_STREAM,
  socket,
} from "../../src/linux/socket.ts";

/** An open connection over IPv4. */
export class HeldConnection implements Disposable {
  readonly #fd: Fd;
  readonly #inbox = new Uint8Array(64 * 1024);

  private constructor(fd: Fd) {
    this.#fd = fd;
  }

  /** Connects from a host and gets one answer, so that it is known to reach a server. */
  static async open(host: Host, address: string, port: number): Promise<HeldConnection> {
    const fd = host.inside(() => must("socket", socket(AF_INET, SOCK_STREAM, 0)));
    connect(fd, inetAddressOf(address, port));
    const held = new HeldConnection(fd);
    await held.ask();
    return held;
  }

  /** Asks once more by it. @returns who has answered, from `x-server`. */
  async ask(): Promise<string> {
    let sent = false;
    let answer = "";
    await eventually("the connection is answered", () => {
      sent ||= send(this.#fd, REQUEST, REQUEST.length) === REQUEST.length;
      const length = sent ? recv(this.#fd, this.#inbox) : 0;
      if (length > 0) answer = new TextDecoder().decode(this.#inbox.subarray(0, length));
      return answer;
    }, { everyMs: 2 });
    return /\r\nx-server: *([^\r]*)/i.exec(answer)?.[1] ?? "-";
  }

  /** Waits for its end: `closed`, or the name of the error. */
  async end(deadlineMs = 30_000): Promise<{ how: string; at: number }> {
    let how = "";
    await eventually("the connection ends", () => {
      const length = recv(this.#fd, this.#inbox);
      if (length > 0 || length === -EAGAIN) return false;
      how = length === 0 ? "closed" : errorName(-length);
      return true;
    }, { everyMs: 2, deadlineMs });
    return { how, at: monotonicMs() };
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nhost: held\r\n\r\n");
