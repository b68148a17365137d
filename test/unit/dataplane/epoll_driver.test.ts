import { describe, expect, it } from "vitest";
import { Buffers } from "../../../src/dataplane/buffers.ts";
import { connectionMemory, layConnections } from "../../../src/dataplane/connection_memory.ts";
import { ConnectionTable, HELD } from "../../../src/dataplane/connection_table.ts";
import { type DriverEvents, READABLE, WRITABLE } from "../../../src/dataplane/driver.ts";
import { EpollDriver } from "../../../src/dataplane/epoll_driver.ts";
import { Intake } from "../../../src/dataplane/intake.ts";
import { EAGAIN } from "../../../src/linux/errno.ts";
import { FakeKernel, randomOf } from "../../simulation/relay_kernel.ts";

describe("a watched descriptor", () => {
  it("is told of by its key as long as it is ready, and no more once unwatched", () => {
    const { driver, kernel } = driving();
    const told: number[] = [];
    const eventfd = kernel.eventfd();
    const handle = driver.watch(eventfd, READABLE, { ready: (key) => told.push(key) }, 7);
    driver.turn(10);
    expect(told).toEqual([]);
    kernel.signal(eventfd);
    driver.turn(10);
    driver.turn(10);
    expect(told).toEqual([7, 7]);
    driver.unwatch(handle);
    driver.turn(10);
    expect(told).toEqual([7, 7]);
  });

  it("may be watched for other things later", () => {
    const { driver, kernel, dial } = driving();
    const { accepted, client } = dial();
    const told: number[] = [];
    const watcher = { ready: (_key: number, readiness: number) => told.push(readiness) };
    const handle = driver.watch(accepted, READABLE, watcher, 0);
    driver.turn(10);
    expect(told).toEqual([]);
    driver.rewatch(handle, READABLE | WRITABLE);
    driver.turn(10);
    expect(told).toEqual([WRITABLE]);
    client.send(Uint8Array.of(1));
    driver.rewatch(handle, READABLE);
    driver.turn(10);
    expect(told).toEqual([WRITABLE, READABLE]);
    expect(kernel.calls.get("epollAdd")).toBe(1);
  });
});

describe("an attended client", () => {
  it("is told of once for each time it is attended, and its bytes add up", () => {
    const { driver, dial, intake, readable, table } = driving();
    const { accepted, client } = dial();
    const slot = table.take(accepted, 0, 0, 0);
    table.phase[slot] = HELD;
    expect(intake.receive(slot)).toBe(-EAGAIN);
    driver.attend(slot);
    client.send(Uint8Array.of(1, 2));
    driver.turn(10);
    driver.turn(10);
    expect(readable).toEqual([slot]);
    expect(intake.receive(slot)).toBe(2);
    client.send(Uint8Array.of(3));
    driver.turn(10);
    expect(readable).toEqual([slot]);
    driver.attend(slot);
    driver.turn(10);
    expect(readable).toEqual([slot, slot]);
    expect(intake.receive(slot)).toBe(1);
    expect([...intake.view(slot).subarray(0, table.buffered[2 * slot])]).toEqual([1, 2, 3]);
    client.end();
    expect(intake.receive(slot)).toBe(0);
  });
});

function driving() {
  const kernel = new FakeKernel(randomOf(1));
  const memory = connectionMemory(4);
  const table = new ConnectionTable(memory, 4);
  const buffers = new Buffers(4);
  const driver = new EpollDriver(kernel, table, layConnections(memory, 4), buffers);
  const readable: number[] = [];
  const refuse = () => {
    throw new Error("nothing else is told");
  };
  const events: DriverEvents = {
    readable: (slot) => readable.push(slot),
    connected: refuse,
    refused: refuse,
    halfClosed: refuse,
    finished: refuse,
    ended: refuse,
  };
  driver.events = events;
  const dial = () => {
    const listener = kernel.listen();
    const client = kernel.dial(listener);
    return { client, accepted: kernel.accept(listener) };
  };
  return { driver, kernel, table, intake: new Intake(kernel, table, buffers), readable, dial };
}
