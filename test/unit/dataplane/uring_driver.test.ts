import { afterEach, describe, expect, it } from "vitest";
import { Buffers } from "../../../src/dataplane/buffers.ts";
import { connectionMemory, layConnections } from "../../../src/dataplane/connection_memory.ts";
import { ConnectionTable, RELAYING } from "../../../src/dataplane/connection_table.ts";
import { READABLE } from "../../../src/dataplane/driver.ts";
import { linuxFromNow } from "../../../src/dataplane/kernel.ts";
import { probeUring, UringDriver } from "../../../src/dataplane/uring_driver.ts";
import { eventfd } from "../../../src/linux/eventfd.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import { inetAddressOf, readInetAddress } from "../../../src/linux/sockaddr.ts";
import {
  accept,
  AF_INET,
  bind,
  close,
  connect,
  getsockname,
  IPPROTO_TCP,
  lingerReset,
  listen,
  recv,
  send,
  SOCK_STREAM,
  socket,
} from "../../../src/linux/socket.ts";

const drivers: UringDriver[] = [];

afterEach(() => {
  for (const driver of drivers.splice(0)) driver.abandon();
});

describe.runIf(probeUring() === 0)("UringDriver", () => {
  it("delivers what a server has said before it reset, though it took nothing", () => {
    const { driver, table, buffers } = driving();
    const [client, accepted] = pair();
    const [connected, server] = pair();
    const slot = table.take(accepted, 0, 0, 0);
    table.phase[slot] = RELAYING;
    table.fd[2 * slot + 1] = connected;
    table.buffer[2 * slot] = buffers.take();
    table.buffered[2 * slot] = 100;
    send(server, new TextEncoder().encode("go away"), 7);
    lingerReset(server);
    close(server);
    driver.relay(slot);
    for (let turn = 0; turn < 100 && table.phase[slot] === RELAYING; turn++) driver.turn(10);
    const heard = new Uint8Array(100);
    expect(recv(client, heard)).toBe(7);
    expect(recv(client, heard)).toBeLessThan(0);
  });

  it("dies of a watch that the kernel gives up, instead of being deaf", () => {
    const { driver } = driving();
    const gone = eventfd();
    close(gone);
    driver.watch(gone, READABLE, { ready: () => {} }, 0);
    expect(() => {
      for (let turn = 0; turn < 3; turn++) driver.turn(10);
    }).toThrow(/EBADF/);
  });
});

function driving() {
  const memory = connectionMemory(4);
  const table = new ConnectionTable(memory, 4);
  const buffers = new Buffers(4);
  const driver = new UringDriver(linuxFromNow(), table, layConnections(memory, 4), buffers);
  drivers.push(driver);
  const refuse = () => {
    throw new Error("nothing else is told");
  };
  driver.events = {
    readable: refuse,
    connected: refuse,
    refused: refuse,
    halfClosed: () => {},
    finished: (slot, closing) => driver.end(slot, closing !== 0),
    ended: (slot) => table.release(slot),
  };
  return { driver, table, buffers };
}

/** Both ends of a connection over the loopback. */
function pair(): [Fd, Fd] {
  const listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  bind(listener, inetAddressOf("127.0.0.1", 0));
  listen(listener, 1);
  const own = new Uint8Array(28);
  getsockname(listener, own);
  const one = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  connect(one, inetAddressOf("127.0.0.1", readInetAddress(own).port));
  let other = accept(listener);
  while (other < 0) other = accept(listener);
  close(listener);
  return [one, other];
}
