import { afterEach, describe, expect, it } from "vitest";
import {
  EADDRINUSE,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EINPROGRESS,
  EPIPE,
  must,
} from "../../../src/linux/errno.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import { inetAddressOf, readInetAddress } from "../../../src/linux/sockaddr.ts";
import {
  accept,
  AF_INET,
  AF_INET6,
  AF_UNIX,
  bind,
  close,
  connect,
  discard,
  getOption,
  getsockname,
  IPPROTO_TCP,
  lingerReset,
  listen,
  peek,
  peerCredentials,
  recv,
  recvfrom,
  send,
  sendto,
  setOption,
  SHUT_WR,
  shutdown,
  SO_ERROR,
  SO_REUSEPORT,
  SOCK_DGRAM,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
  TCP_NODELAY,
} from "../../../src/linux/socket.ts";

const opened: Fd[] = [];

afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});

function keep(fd: Fd): Fd {
  opened.push(must("socket", fd));
  return fd;
}

function bound(domain: number, type: number): { fd: Fd; address: Uint8Array<ArrayBuffer> } {
  const fd = keep(socket(domain, type, 0));
  must("bind", bind(fd, inetAddressOf(domain === AF_INET ? "127.0.0.1" : "::1", 0)));
  const address = new Uint8Array(domain === AF_INET ? 16 : 28);
  expect(getsockname(fd, address)).toBe(address.length);
  return { fd, address };
}

/** Both ends of a connection over loopback, where a handshake is done when `connect` returns. */
function connection(domain = AF_INET): { client: Fd; server: Fd } {
  const { fd: listener, address } = bound(domain, SOCK_STREAM);
  must("listen", listen(listener, 8));
  expect(accept(listener)).toBe(-EAGAIN);
  const client = keep(socket(domain, SOCK_STREAM, 0));
  expect(connect(client, address)).toBe(-EINPROGRESS);
  return { client, server: keep(accept(listener)) };
}

const ten = Uint8Array.from({ length: 10 }, (_, at) => at);

describe("a connection", () => {
  it.each([["IPv4", AF_INET], ["IPv6", AF_INET6]])(
    "over %s carries bytes and ends",
    (_, domain) => {
      const { client, server } = connection(domain);
      const target = new Uint8Array(100);
      expect(recv(server, target)).toBe(-EAGAIN);
      expect(send(client, ten, 7)).toBe(7);
      expect(peek(server, target.subarray(0, 4))).toBe(4);
      expect(discard(server, 2)).toBe(2);
      expect(recv(server, target)).toBe(5);
      expect(target.subarray(0, 5)).toEqual(Uint8Array.of(2, 3, 4, 5, 6));
      expect(shutdown(client, SHUT_WR)).toBe(0);
      expect(recv(server, target)).toBe(0);
      expect(send(client, ten, 1)).toBe(-EPIPE);
      expect(send(server, ten, 1)).toBe(1);
      expect(recv(client, target)).toBe(1);
    },
  );

  it("ends in a reset after lingerReset", () => {
    const { client, server } = connection();
    expect(lingerReset(client)).toBe(0);
    close(opened.splice(opened.indexOf(client), 1)[0]!);
    expect(recv(server, new Uint8Array(1))).toBe(-ECONNRESET);
  });

  it("is refused where nobody listens", () => {
    const { fd, address } = bound(AF_INET, SOCK_STREAM);
    const client = keep(socket(AF_INET, SOCK_STREAM, 0));
    const result = connect(client, address);
    const error = result === -EINPROGRESS ? getOption(client, SOL_SOCKET, SO_ERROR) : -result;
    expect(error).toBe(ECONNREFUSED);
    expect(fd).toBeGreaterThan(0);
  });
});

describe("bind", () => {
  it("refuses a port in use, unless both ends share it", () => {
    const shared = keep(socket(AF_INET, SOCK_STREAM, 0));
    expect(setOption(shared, SOL_SOCKET, SO_REUSEPORT, 1)).toBe(0);
    must("bind", bind(shared, inetAddressOf("127.0.0.1", 0)));
    const address = new Uint8Array(16);
    getsockname(shared, address);
    const other = keep(socket(AF_INET, SOCK_STREAM, 0));
    expect(bind(other, address)).toBe(-EADDRINUSE);
    setOption(other, SOL_SOCKET, SO_REUSEPORT, 1);
    expect(bind(other, address)).toBe(0);
  });
});

describe("datagrams", () => {
  it("bring their sender and their true length", () => {
    const left = bound(AF_INET, SOCK_DGRAM);
    const right = bound(AF_INET, SOCK_DGRAM);
    expect(sendto(left.fd, ten, 9, right.address)).toBe(9);
    const [target, sender, length] = [new Uint8Array(4), new Uint8Array(28), Uint32Array.of(28)];
    expect(recvfrom(right.fd, target, sender, length)).toBe(9);
    expect(target).toEqual(Uint8Array.of(0, 1, 2, 3));
    expect(length[0]).toBe(16);
    expect(readInetAddress(sender)).toEqual(readInetAddress(left.address));
    expect(recvfrom(right.fd, target, sender, length)).toBe(-EAGAIN);
  });
});

describe("options", () => {
  it("are read back as they were set", () => {
    const fd = keep(socket(AF_INET, SOCK_STREAM, 0));
    expect(getOption(fd, IPPROTO_TCP, TCP_NODELAY)).toBe(0);
    expect(setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1)).toBe(0);
    expect(getOption(fd, IPPROTO_TCP, TCP_NODELAY)).toBe(1);
  });
});

describe("a descriptor that is none", () => {
  it.each([
    ["recv", () => recv(-1 as Fd, new Uint8Array(1))],
    ["send", () => send(-1 as Fd, ten, 1)],
    ["accept", () => accept(-1 as Fd)],
    ["connect", () => connect(-1 as Fd, inetAddressOf("127.0.0.1", 1))],
    ["getsockopt", () => getOption(-1 as Fd, SOL_SOCKET, SO_ERROR)],
    ["close", () => close(-1 as Fd)],
  ])("%s answers −EBADF", (_, call) => expect(call()).toBe(-EBADF));
});

describe("peerCredentials()", () => {
  it("tells who opened the other end of a unix socket", () => {
    const path = new TextEncoder().encode(`\0lintel-test-${Deno.pid}`);
    const address = new Uint8Array(2 + path.length);
    new DataView(address.buffer).setUint16(0, AF_UNIX, true);
    address.set(path, 2);
    const listener = keep(socket(AF_UNIX, SOCK_STREAM, 0));
    must("bind", bind(listener, address));
    must("listen", listen(listener, 1));
    must("connect", connect(keep(socket(AF_UNIX, SOCK_STREAM, 0)), address));
    expect(peerCredentials(keep(accept(listener)))).toEqual({ pid: Deno.pid, uid: Deno.uid() });
  });

  it("tells nothing of other sockets, and of what is none", () => {
    expect(peerCredentials(keep(socket(AF_INET, SOCK_STREAM, 0)))).toBeUndefined();
    expect(peerCredentials(-1 as Fd)).toBeUndefined();
  });
});
