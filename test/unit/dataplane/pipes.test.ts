import { beforeEach, describe, expect, it } from "vitest";
import { NO_PIPE, Pipes } from "../../../src/dataplane/pipes.ts";
import { FakeKernel, randomOf } from "../../simulation/relay_kernel.ts";

describe("Pipes", () => {
  let kernel: FakeKernel;
  let ends: Int32Array<SharedArrayBuffer>;
  let pipes: Pipes;

  beforeEach(() => {
    kernel = new FakeKernel(randomOf(1));
    ends = new Int32Array(new SharedArrayBuffer(16));
    pipes = new Pipes(kernel, ends);
  });

  it("opens a pipe when it is first needed and keeps it for the next", () => {
    expect(kernel.open).toBe(0);
    const pipe = pipes.take(0);
    expect(kernel.open).toBe(2);
    expect([pipes.source(pipe), pipes.target(pipe)]).toEqual([...ends.subarray(0, 2)]);
    pipes.give(pipe, true);
    expect(pipes.take(0)).toBe(pipe);
    expect(kernel.open).toBe(2);
  });

  it("closes a pipe that comes back with bytes in it", () => {
    pipes.give(pipes.take(0), false);
    expect(kernel.open).toBe(0);
    expect([...ends]).toEqual([0, 0, 0, 0]);
  });

  it("has no more than its share", () => {
    expect([pipes.take(0), pipes.take(0), pipes.take(0)]).toEqual([0, 1, NO_PIPE]);
  });

  it("does without where descriptors have run out, and asks again a while later", () => {
    kernel.limit = 1;
    expect(pipes.take(0)).toBe(NO_PIPE);
    kernel.limit = 10;
    expect(pipes.take(999)).toBe(NO_PIPE);
    expect(pipes.take(1000)).toBe(0);
  });

  it("is content with a smaller pipe, but not with a useless one", () => {
    kernel.pipeLimit = 1 << 17;
    expect(pipes.take(0)).toBe(0);
    kernel.pipeLimit = 1 << 12;
    expect(pipes.take(0)).toBe(NO_PIPE);
    expect(kernel.open).toBe(2);
  });

  it("closes all, lent or not", () => {
    pipes.take(0);
    pipes.give(pipes.take(0), true);
    pipes.close();
    expect(kernel.open).toBe(0);
  });
});
