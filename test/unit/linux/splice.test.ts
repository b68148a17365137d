import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EAGAIN, must } from "../../../src/linux/errno.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import { inetAddressOf } from "../../../src/linux/sockaddr.ts";
import {
  accept,
  AF_INET,
  bind,
  close,
  connect,
  getsockname,
  listen,
  recv,
  send,
  SHUT_WR,
  shutdown,
  SOCK_STREAM,
  socket,
} from "../../../src/linux/socket.ts";
import { pipe, setPipeSize, splice } from "../../../src/linux/splice.ts";

let client: Fd;
let server: Fd;
let reading: Fd;
let writing: Fd;

beforeEach(() => {
  const listener = must("socket", socket(AF_INET, SOCK_STREAM, 0));
  must("bind", bind(listener, inetAddressOf("127.0.0.1", 0)));
  must("listen", listen(listener, 1));
  const address = new Uint8Array(16);
  getsockname(listener, address);
  client = must("socket", socket(AF_INET, SOCK_STREAM, 0));
  connect(client, address);
  server = must("accept", accept(listener));
  close(listener);
  const ends = new Int32Array(2);
  must("pipe", pipe(ends));
  [reading, writing] = [ends[0] as Fd, ends[1] as Fd];
});

afterEach(() => {
  for (const fd of [client, server, reading, writing]) close(fd);
});

describe("splice", () => {
  it("moves bytes from a socket through a pipe and back", () => {
    expect(splice(server, writing, 100)).toBe(-EAGAIN);
    send(client, Uint8Array.of(1, 2, 3, 4, 5), 5);
    expect(splice(server, writing, 3)).toBe(3);
    expect(splice(server, writing, 100)).toBe(2);
    expect(splice(reading, server, 100)).toBe(5);
    const target = new Uint8Array(10);
    expect(recv(client, target)).toBe(5);
    expect(target.subarray(0, 5)).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  });

  it("says −EAGAIN of an empty pipe, and 0 at the end of the stream", () => {
    expect(splice(reading, server, 100)).toBe(-EAGAIN);
    shutdown(client, SHUT_WR);
    expect(splice(server, writing, 100)).toBe(0);
  });
});

describe("setPipeSize", () => {
  it("gives at least what was asked for", () => {
    expect(setPipeSize(writing, 100_000)).toBe(131_072);
  });
});
