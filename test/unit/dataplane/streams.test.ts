import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Streams } from "../../../src/dataplane/streams.ts";
import type { Ring } from "../../../src/linux/io_uring.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import type { ProvidedBuffers } from "../../../src/linux/provided_buffers.ts";

const BUFFERS = 64;
const BYTES = 8;
const SIDE = 1;

describe("Streams", () => {
  it("sends all bytes once and in order, wherever the kernel leaves off", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), length: fc.integer({ min: 1, max: BYTES }) }),
      fc.record({
        kind: fc.constant("send" as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const world = new World();
      for (const one of steps) {
        if (one.kind === "add") world.add(one.length);
        else world.send(one.share);
      }
      while (world.streams.queued(SIDE) > 0) world.send(1);
      expect(world.sent).toEqual(Array.from({ length: world.added }, (_, at) => at & 0xff));
      expect(world.free.size).toBe(BUFFERS);
    }));
  });
});

/** A kernel that sends as much as it is told to, and buffers that are counted. */
class World {
  readonly memory = new Uint8Array(BUFFERS * BYTES);
  readonly free = new Set(Array.from({ length: BUFFERS }, (_, at) => at));
  readonly sent: number[] = [];
  added = 0;
  readonly streams: Streams;
  /** Numbers of buffers in the order in which they are to be sent. */
  readonly #order: number[] = [];
  readonly #lengths = new Map<number, number>();

  constructor() {
    const ring: Pick<Ring, "pending" | "enter" | "send" | "sendMessage"> = {
      pending: 0,
      enter: () => 0,
      send: () => {},
      sendMessage: () => {},
    };
    const buffers: Pick<
      ProvidedBuffers,
      "count" | "addressLow" | "addressHigh" | "view" | "give"
    > = {
      count: BUFFERS,
      addressLow: new Int32Array(BUFFERS),
      addressHigh: new Int32Array(BUFFERS),
      view: (buffer) => this.memory.subarray(buffer * BYTES, (buffer + 1) * BYTES),
      give: (buffer) => {
        expect(this.free.has(buffer)).toBe(false);
        this.free.add(buffer);
      },
    };
    this.streams = new Streams(ring as Ring, buffers as ProvidedBuffers, 2);
  }

  /** So many bytes are received, if there is a buffer. */
  add(length: number): void {
    const [buffer] = this.free;
    if (buffer === undefined) return;
    this.free.delete(buffer);
    for (let at = 0; at < length; at++) this.memory[buffer * BYTES + at] = this.added++;
    this.#order.push(buffer);
    this.#lengths.set(buffer, length);
    this.streams.add(SIDE, buffer, length);
  }

  /** The next send ends after a share of its bytes. */
  send(share: number): void {
    if (this.streams.queued(SIDE) === 0) return;
    const before = this.streams.queued(SIDE);
    const first = this.streams.send(SIDE, 3 as Fd, 0, 0);
    expect(first).toBe(this.#order[0]);
    const count = before - this.streams.queued(SIDE);
    const total = this.streams.lengthOf(first);
    let rest = Math.floor(total * share);
    const whole = rest === total;
    const sent = rest;
    for (let turn = 0; turn < count && rest > 0; turn++) {
      const buffer = this.#order[0]!;
      const length = this.#lengths.get(buffer)!;
      const part = Math.min(rest, length);
      this.sent.push(...this.memory.subarray(buffer * BYTES, buffer * BYTES + part));
      rest -= part;
      if (part === length) this.#order.shift();
      else this.#lengths.set(buffer, length - part);
    }
    if (whole) this.streams.sent(first);
    else this.streams.sentSome(first, sent);
  }
}
