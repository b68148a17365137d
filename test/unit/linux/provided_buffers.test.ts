import { describe, expect, it } from "vitest";
import { CQE_F_BUFFER, CQE_F_MORE, Ring } from "../../../src/linux/io_uring.ts";
import { ENOBUFS, ETIME } from "../../../src/linux/errno.ts";
import { ProvidedBuffers } from "../../../src/linux/provided_buffers.ts";
import { inetAddressOf } from "../../../src/linux/sockaddr.ts";
import {
  AF_INET,
  bind,
  close,
  connect,
  getsockname,
  send,
  SOCK_DGRAM,
  socket,
} from "../../../src/linux/socket.ts";

const opened = Ring.open(8, 1024);

describe.runIf(opened instanceof Ring)("ProvidedBuffers", () => {
  it("come back last in first out, and are offered more of once some were missed", () => {
    if (!(opened instanceof Ring)) return;
    const buffers = ProvidedBuffers.register(opened, 0, 512, 64);
    if (typeof buffers === "number") throw new Error(`errno ${-buffers}`);
    expect(buffers.available).toBe(512);
    const [sender, receiver] = pair();
    opened.receive(receiver, 0, 1, 0);
    opened.enter(0);
    const used = new Set<number>();
    for (let round = 0; round < 300; round++) {
      send(sender, Uint8Array.of(round & 0xff), 1);
      const [{ flags, result } = { flags: 0, result: 0 }] = completions(opened, 1);
      expect([result, flags & 3]).toEqual([1, CQE_F_BUFFER | CQE_F_MORE]);
      buffers.taken();
      const buffer = flags >>> 16;
      expect(buffers.view(buffer)[0]).toBe(round & 0xff);
      used.add(buffer);
      buffers.give(buffer);
      buffers.publish();
    }
    expect(used.size).toBeLessThan(200);
    for (let round = 0; round < 200; round++) send(sender, Uint8Array.of(1), 1);
    const all = completions(opened, 201);
    expect(all.length).toBeLessThan(201);
    expect(all.at(-1)?.result).toBe(-ENOBUFS);
    for (let count = all.length - 1; count > 0; count--) buffers.taken();
    buffers.missed();
    buffers.publish();
    opened.receive(receiver, 0, 1, 0);
    opened.enter(0);
    const rest = completions(opened, 200 - (all.length - 1));
    expect(rest.every(({ result }) => result === 1)).toBe(true);
    for (const fd of [sender, receiver]) close(fd);
    opened.close();
  });
});

interface Completion {
  readonly result: number;
  readonly flags: number;
}

/** So many completions, or fewer if the last of them is an error. */
function completions(ring: Ring, count: number): Completion[] {
  const found: Completion[] = [];
  while (found.length < count && (found.at(-1)?.result ?? 0) >= 0) {
    if (ring.enter(5000) === -ETIME) throw new Error(`only ${found.length} of ${count} have come`);
    for (let place = ring.head; place !== ring.tail; place++) {
      found.push({ result: ring.result(place), flags: ring.flags(place) });
    }
    ring.seen(ring.tail);
  }
  return found;
}

/** Two datagram sockets of the loopback, the first connected to the second. */
function pair() {
  const [sender, receiver] = [0, 0].map(() => socket(AF_INET, SOCK_DGRAM, 0)) as [never, never];
  bind(receiver, inetAddressOf("127.0.0.1", 0));
  const address = new Uint8Array(16);
  getsockname(receiver, address);
  connect(sender, address);
  return [sender, receiver] as const;
}
