import { describe, expect, it } from "vitest";
import { EPOLLIN } from "../../../src/linux/epoll.ts";
import { must } from "../../../src/linux/errno.ts";
import { eventfd } from "../../../src/linux/eventfd.ts";
import { close } from "../../../src/linux/socket.ts";
import { Poller, pollerMemory, reclaimPoller } from "../../../src/prober/poller.ts";

describe("Poller", () => {
  it("writes down the descriptors that would outlive its thread", () => {
    const memory = pollerMemory(3);
    using poller = new Poller(memory);
    const [epoll] = heldIn(memory);
    expect(heldIn(memory)).toEqual([epoll]);
    const fds = [1, 2, 3].map(() => must("eventfd", eventfd()));
    const watches = fds.map((fd) => poller.watch(fd, EPOLLIN, () => {}));
    expect(heldIn(memory)).toEqual([epoll, ...fds].sort());
    poller.forget(watches[1]!);
    poller.forget(watches[1]!);
    expect(heldIn(memory)).toEqual([epoll, fds[0]!, fds[2]!].sort());
    close(fds[1]!);
    fds[1] = must("eventfd", eventfd());
    const again = poller.watch(fds[1], EPOLLIN, () => {});
    expect(heldIn(memory)).toEqual([epoll, ...fds].sort());
    for (const watch of [watches[0]!, watches[2]!, again]) poller.forget(watch);
    expect(heldIn(memory)).toEqual([epoll]);
    fds.forEach(close);
  });

  it("leaves nothing when it is disposed of", () => {
    const memory = pollerMemory(1);
    const poller = new Poller(memory);
    const [epoll] = heldIn(memory);
    expect(isOpen(epoll!, "eventpoll")).toBe(true);
    poller[Symbol.dispose]();
    expect(heldIn(memory)).toEqual([]);
    expect(isOpen(epoll!, "eventpoll")).toBe(false);
  });

  it("watches also what there is no room to write down", () => {
    using poller = new Poller(pollerMemory(0));
    const fd = must("eventfd", eventfd());
    poller.forget(poller.watch(fd, EPOLLIN, () => {}));
    close(fd);
  });
});

describe("reclaimPoller()", () => {
  it("closes what a thread that died has left, once", () => {
    const memory = pollerMemory(2);
    const poller = new Poller(memory);
    const fd = must("eventfd", eventfd());
    poller.watch(fd, EPOLLIN, () => {});
    const [epoll] = heldIn(memory).filter((held) => held !== fd);
    expect(reclaimPoller(memory)).toBe(1);
    expect([isOpen(fd, "eventfd"), isOpen(epoll!, "eventpoll")]).toEqual([false, false]);
    expect(heldIn(memory)).toEqual([]);
    expect(reclaimPoller(memory)).toBe(0);
  });
});

function heldIn(memory: SharedArrayBuffer): number[] {
  return [...new Int32Array(memory)].filter((fd) => fd !== 0).sort();
}

function isOpen(fd: number, kind: string): boolean {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${fd}`).includes(kind);
  } catch {
    return false;
  }
}
