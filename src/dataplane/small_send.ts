/**
 * Sends a few bytes to a socket that has sent nothing yet, and so has room for them.
 */

import type { Fd } from "../linux/libc.ts";
import type { SocketIo } from "./kernel.ts";

/**
 * Sends the first `length` of some bytes, which are few.
 *
 * @param more as in send(2).
 * @returns whether all of them are on their way; if not, the socket is dead.
 */
export function sendSmall(
  io: Pick<SocketIo, "send">,
  socket: Fd,
  bytes: Uint8Array<ArrayBuffer>,
  length: number,
  more: boolean,
): boolean {
  let sent = 0;
  // Errors are looked at twice, as everywhere; and nothing obliges the kernel to take all at once.
  for (let failures = 0; sent < length && failures < 2;) {
    const rest = sent === 0 ? bytes : bytes.subarray(sent);
    const taken = io.send(socket, rest, length - sent, more);
    if (taken > 0) sent += taken;
    else failures++;
  }
  return sent === length;
}
