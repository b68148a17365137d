import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../src/dataplane/acceptor.ts";
import { Doors } from "../../../src/dataplane/admission.ts";
import { Buffers } from "../../../src/dataplane/buffers.ts";
import { connectionMemory, layConnections } from "../../../src/dataplane/connection_memory.ts";
import { ConnectionTable } from "../../../src/dataplane/connection_table.ts";
import { EpollDriver } from "../../../src/dataplane/epoll_driver.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import type { Listener } from "../../../src/dataplane/orders.ts";
import { Tally } from "../../../src/dataplane/tally.ts";
import { World } from "../../simulation/relay_world.ts";

describe("Acceptor", () => {
  it("gives the place of a released listener to the next one, however often", () => {
    const { acceptor, listener } = accepting();
    const first = listener("vip", 80);
    const other = listener(null, 81);
    expect([acceptor.add(first), acceptor.add(other)]).toEqual([0, 1]);
    for (let port = 1000; port < 1100; port++) {
      acceptor.release("vip");
      const next = listener("vip", port);
      expect(acceptor.add(next)).toBe(0);
      expect(acceptor.listener(0)).toBe(next);
    }
    expect(acceptor.listener(1)).toBe(other);
    expect(acceptor.add(listener("vip", 82))).toBe(2);
  });

  it("serves who is in the queue of a listener that is closed, and nobody after", () => {
    const { acceptor, listener, kernel, clients } = accepting();
    const [one, other] = [listener(null, 80), listener(null, 81)];
    acceptor.add(one);
    acceptor.add(other);
    kernel.dial(one.fd);
    kernel.dial(one.fd);
    acceptor.close([one.fd, 12_345 as Fd], [], 0);
    expect(clients).toEqual([0, 0]);
    kernel.dial(one.fd);
    kernel.dial(other.fd);
    for (const index of [0, 1]) acceptor.accept(index, 0);
    expect(clients).toEqual([0, 0, 1]);
    // It has been closed already: nothing more happens.
    acceptor.close([one.fd], [], 0);
    expect(acceptor.listener(0)).toBe(one);
  });

  it("leaves the queue of a listener to whoever has taken its socket over", () => {
    const { acceptor, listener, kernel, clients } = accepting();
    const former = listener(null, 80);
    acceptor.add(former);
    kernel.dial(former.fd);
    acceptor.close([former.fd], [former.fd], 0);
    acceptor.accept(0, 0);
    expect(clients).toEqual([]);
  });

  it("gives the place of a closed listener away once nobody who has come by it is left", () => {
    const { acceptor, listener, kernel, table } = accepting();
    const closed = listener(null, 80);
    acceptor.add(closed);
    kernel.dial(closed.fd);
    acceptor.close([closed.fd], [], 0);
    expect(acceptor.add(listener(null, 81))).toBe(1);
    table.release(0);
    expect(acceptor.add(listener(null, 82))).toBe(0);
    expect(acceptor.add(listener(null, 83))).toBe(2);
  });

  it("keeps the place of a listener whose connections are drained", () => {
    const { acceptor, listener } = accepting();
    acceptor.add(listener("vip", 80));
    acceptor.drain(0);
    acceptor.release("vip");
    expect(acceptor.add(listener("vip", 80))).toBe(1);
  });
});

function accepting() {
  const { kernel, start } = new World();
  const memory = connectionMemory(4);
  const table = new ConnectionTable(memory, 4);
  const driver = new EpollDriver(kernel, table, layConnections(memory, 4), new Buffers(1));
  const doors = new Doors(start, kernel);
  const parts = { kernel, driver, table, doors, tally: new Tally(start) };
  const clients: number[] = [];
  const acceptor = new Acceptor(parts, (client, listener, now) => {
    table.take(client, listener, 0, now);
    clients.push(listener);
  }, () => {});
  const listener = (virtualRouter: string | null, port: number): Listener => ({
    fd: kernel.listen(),
    frontend: 0,
    protocol: "tcp",
    address: "192.0.2.1",
    port,
    virtualRouter,
  });
  return { acceptor, listener, kernel, clients, table };
}
