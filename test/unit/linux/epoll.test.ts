import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  epollAdd,
  epollCreate,
  epollDelete,
  EPOLLET,
  EpollEvents,
  EPOLLHUP,
  EPOLLIN,
  epollModify,
  EPOLLOUT,
} from "../../../src/linux/epoll.ts";
import { EBADF, EEXIST, ENOENT } from "../../../src/linux/errno.ts";
import { clear, eventfd, signal } from "../../../src/linux/eventfd.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import { close } from "../../../src/linux/socket.ts";
import { pipe } from "../../../src/linux/splice.ts";

let epoll: Fd;
let fds: Fd[] = [];
const events = new EpollEvents(2);

beforeEach(() => {
  epoll = epollCreate();
  fds = [eventfd(), eventfd(), eventfd()];
});

afterEach(() => {
  for (const fd of [epoll, ...fds]) close(fd);
});

describe("EpollEvents", () => {
  it("brings flags and both halves of the datum, signs and all", () => {
    epollAdd(epoll, fds[0]!, EPOLLIN, -1, 0x7fff_ffff);
    epollAdd(epoll, fds[1]!, EPOLLIN, 0x1234_5678, -2);
    for (const fd of fds) signal(fd);
    expect(events.wait(epoll, 0)).toBe(2);
    const seen = [0, 1].map((at) => [events.flags(at), events.low(at), events.high(at)]);
    expect(seen).toContainEqual([EPOLLIN, -1, 0x7fff_ffff]);
    expect(seen).toContainEqual([EPOLLIN, 0x1234_5678, -2]);
  });

  it("takes no more than it has room for; the others come next", () => {
    for (const [at, fd] of fds.entries()) {
      epollAdd(epoll, fd, EPOLLIN | EPOLLET, at, 0);
      signal(fd);
    }
    const seen: number[] = [];
    for (let count = events.wait(epoll, 0); count > 0; count = events.wait(epoll, 0)) {
      for (let at = 0; at < count; at++) seen.push(events.low(at));
    }
    expect(seen.sort()).toEqual([0, 1, 2]);
  });

  it("says an edge once", () => {
    epollAdd(epoll, fds[0]!, EPOLLIN | EPOLLET, 0, 0);
    signal(fds[0]!);
    expect([events.wait(epoll, 0), events.wait(epoll, 0)]).toEqual([1, 0]);
    clear(fds[0]!);
    signal(fds[0]!);
    expect(events.wait(epoll, 0)).toBe(1);
  });

  it("waits aside while this thread goes on", async () => {
    epollAdd(epoll, fds[0]!, EPOLLIN, 5, 6);
    const waiting = events.waitAside(epoll, 10_000);
    signal(fds[0]!);
    expect(await waiting).toBe(1);
    expect([events.flags(0), events.low(0), events.high(0)]).toEqual([EPOLLIN, 5, 6]);
    clear(fds[0]!);
    expect(await events.waitAside(epoll, 0)).toBe(0);
    expect(await events.waitAside(-1 as Fd, 0)).toBe(-1);
  });
});

describe("epoll_ctl", () => {
  it("changes what is watched for, and stops watching", () => {
    expect(epollAdd(epoll, fds[0]!, EPOLLIN, 1, 0)).toBe(0);
    expect(events.wait(epoll, 0)).toBe(0);
    expect(epollModify(epoll, fds[0]!, EPOLLOUT, 2, 3)).toBe(0);
    expect(events.wait(epoll, 0)).toBe(1);
    expect([events.flags(0), events.low(0), events.high(0)]).toEqual([EPOLLOUT, 2, 3]);
    expect(epollDelete(epoll, fds[0]!)).toBe(0);
    expect(events.wait(epoll, 0)).toBe(0);
  });

  it("answers as the kernel does", () => {
    expect(epollDelete(epoll, fds[0]!)).toBe(-ENOENT);
    epollAdd(epoll, fds[0]!, EPOLLIN, 0, 0);
    expect(epollAdd(epoll, fds[0]!, EPOLLIN, 0, 0)).toBe(-EEXIST);
    expect(epollAdd(epoll, 4_000_000 as Fd, EPOLLIN, 0, 0)).toBe(-EBADF);
    expect(events.wait(4_000_000 as Fd, 0)).toBe(-EBADF);
  });

  it("reports a hang-up that nobody asked for", () => {
    const ends = new Int32Array(2);
    pipe(ends);
    const [reading, writing] = [ends[0] as Fd, ends[1] as Fd];
    epollAdd(epoll, reading, 0, 0, 0);
    expect(events.wait(epoll, 0)).toBe(0);
    close(writing);
    expect(events.wait(epoll, 0)).toBe(1);
    expect(events.flags(0)).toBe(EPOLLHUP);
    close(reading);
  });
});
