import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Inbox, type Posting } from "../../../src/memory/inbox.ts";

describe("Inbox", () => {
  let posted: number;
  let woken: number;
  let inbox: Inbox<string>;
  const posting: Posting = {
    count: () => posted,
    now: () => performance.now(),
    wake: () => void woken++,
  };

  beforeEach(() => {
    vi.useFakeTimers();
    posted = 0;
    woken = 0;
    inbox = new Inbox();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it("is behind as long as something posted was not taken", async () => {
    expect(inbox.isBehind(posting)).toBe(false);
    posted = 2;
    expect(inbox.isBehind(posting)).toBe(true);
    inbox.put("a");
    inbox.put("b");
    expect(await inbox.take(posting)).toEqual(["a", "b"]);
    expect(inbox.isBehind(posting)).toBe(false);
    expect(woken).toBe(0);
  });

  it("waits for messages that are on their way", async () => {
    posted = 2;
    const taken = inbox.take(posting);
    await vi.advanceTimersByTimeAsync(5);
    inbox.put("a");
    await vi.advanceTimersByTimeAsync(5);
    inbox.put("b");
    expect(await taken).toEqual(["a", "b"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not wait for long, and sees to it that it is asked again", async () => {
    posted = 2;
    inbox.put("a");
    const taken = inbox.take(posting);
    await vi.advanceTimersByTimeAsync(20);
    expect(await taken).toEqual(["a"]);
    expect([woken, inbox.isBehind(posting)]).toEqual([1, true]);
    inbox.put("b");
    expect(await inbox.take(posting)).toEqual(["b"]);
    expect([woken, inbox.isBehind(posting)]).toEqual([1, false]);
  });

  it("takes also what has come before it was counted", async () => {
    posted = 1;
    inbox.put("a");
    inbox.put("b");
    expect(await inbox.take(posting)).toEqual(["a", "b"]);
    posted = 2;
    expect(inbox.isBehind(posting)).toBe(false);
  });
});
