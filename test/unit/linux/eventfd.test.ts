import { expect, it } from "vitest";
import { epollAdd, epollCreate, EpollEvents, EPOLLIN } from "../../../src/linux/epoll.ts";
import { EAGAIN } from "../../../src/linux/errno.ts";
import { clear, eventfd, signal } from "../../../src/linux/eventfd.ts";
import { close } from "../../../src/linux/socket.ts";

it("an eventfd wakes who waits for it, once for any number of signals", () => {
  const fd = eventfd();
  const epoll = epollCreate();
  const events = new EpollEvents(4);
  expect(epollAdd(epoll, fd, EPOLLIN, 0, 0)).toBe(0);
  expect(events.wait(epoll, 0)).toBe(0);
  expect(clear(fd)).toBe(-EAGAIN);
  expect([signal(fd), signal(fd)]).toEqual([8, 8]);
  expect(events.wait(epoll, 0)).toBe(1);
  expect(clear(fd)).toBe(8);
  expect(events.wait(epoll, 0)).toBe(0);
  close(fd);
  close(epoll);
});
