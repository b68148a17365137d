import { describe, expect, it } from "vitest";
import { BUFFER_BYTES, Buffers, NO_BUFFER } from "../../../src/dataplane/buffers.ts";

describe("Buffers", () => {
  it("lends each buffer once, and no more than there are", () => {
    const buffers = new Buffers(3);
    const lent = [buffers.take(), buffers.take(), buffers.take()];
    expect(new Set(lent).size).toBe(3);
    expect(buffers.take()).toBe(NO_BUFFER);
    expect(buffers.available).toBe(0);
    buffers.give(lent[1]!);
    expect(buffers.take()).toBe(lent[1]);
  });

  it("gives buffers that do not overlap", () => {
    const buffers = new Buffers(2);
    const first = buffers.view(buffers.take());
    const second = buffers.view(buffers.take());
    first.fill(1);
    second.fill(2);
    expect(first.length).toBe(BUFFER_BYTES);
    expect(first.every((byte) => byte === 1)).toBe(true);
  });
});
