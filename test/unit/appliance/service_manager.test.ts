import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ServiceManager } from "../../../src/appliance/service_manager.ts";
import { monotonicMs } from "../../../src/linux/clock.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import { unixAddress } from "../../../src/linux/sockaddr.ts";
import { AF_UNIX, bind, close, recv, SOCK_DGRAM, socket } from "../../../src/linux/socket.ts";

let directory: string;
let path: string;
let fd: Fd;

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-notify-" });
  path = `${directory}/notify`;
  fd = listen(path);
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  close(fd);
  Deno.removeSync(directory, { recursive: true });
});

describe("ServiceManager", () => {
  it("tells each step as systemd reads it", () => {
    const manager = new ServiceManager({ NOTIFY_SOCKET: path });
    manager.ready("lb1", () => true);
    manager.stopping();
    expect(heard(fd)).toEqual([
      "READY=1\nSTATUS=lb1",
      "STOPPING=1\nSTATUS=leaving virtual routers, draining connections",
    ]);
  });

  it("tells when a reload begins, by the clock that systemd compares it with, and ends", () => {
    const manager = new ServiceManager({ NOTIFY_SOCKET: path });
    const before = Math.floor(monotonicMs() * 1e3);
    manager.reloading();
    manager.reloaded("two changes");
    const [first = "", second] = heard(fd);
    const [, since] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=reloading$/.exec(first) ?? [];
    expect(Number(since)).toBeGreaterThanOrEqual(before);
    expect(Number(since)).toBeLessThanOrEqual(monotonicMs() * 1e3);
    expect(second).toBe("READY=1\nSTATUS=two changes");
  });

  it("speaks to an abstract socket, too", () => {
    const name = `@lintel-test-${crypto.randomUUID()}`;
    const abstract = listen(name);
    new ServiceManager({ NOTIFY_SOCKET: name }).ready("ok", () => true);
    expect(heard(abstract)).toEqual(["READY=1\nSTATUS=ok"]);
    close(abstract);
  });

  it("feeds the watchdog while the appliance lives, and only then", () => {
    let isAlive = true;
    const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "3000000" };
    const manager = new ServiceManager({ ...environment, WATCHDOG_PID: String(Deno.pid) });
    manager.ready("lb1", () => isAlive);
    vi.advanceTimersByTime(2_000);
    expect(heard(fd).slice(1)).toEqual(Array(3).fill("WATCHDOG=1"));
    isAlive = false;
    vi.advanceTimersByTime(9_000);
    expect(heard(fd)).toEqual([]);
    isAlive = true;
    vi.advanceTimersByTime(1_000);
    expect(heard(fd)).toEqual(["WATCHDOG=1"]);
    manager.close();
    vi.advanceTimersByTime(9_000);
    expect(heard(fd)).toEqual([]);
  });

  it("leaves another process's watchdog alone", () => {
    const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1" };
    new ServiceManager(environment).ready("lb1", () => true);
    vi.advanceTimersByTime(9_000);
    expect(heard(fd)).toEqual(["READY=1\nSTATUS=lb1"]);
  });

  it.each([{}, { NOTIFY_SOCKET: "" }, { NOTIFY_SOCKET: "/nowhere/at/all" }])(
    "does nothing where nobody listens: %j",
    (environment) => {
      const manager = new ServiceManager(environment);
      manager.ready("lb1", () => true);
      manager.stopping();
      manager.close();
    },
  );
});

function listen(path: string): Fd {
  const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  expect(bind(fd, unixAddress(path))).toBe(0);
  return fd;
}

function heard(fd: Fd): string[] {
  const bytes = new Uint8Array(4096);
  const messages: string[] = [];
  for (let length = recv(fd, bytes); length > 0; length = recv(fd, bytes)) {
    messages.push(new TextDecoder().decode(bytes.subarray(0, length)));
  }
  return messages;
}
