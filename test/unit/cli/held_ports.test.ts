import { afterEach, beforeEach, expect, it } from "vitest";
import { AdminClient } from "../../../src/cli/client.ts";
import { notHeld, type RefusedListener } from "../../../src/cli/held_ports.ts";
import { Served } from "./served.ts";

let served: Served;

beforeEach(async () => {
  served = await Served.start();
});

afterEach(() => served.stop());

/** What of these is left, beside an appliance that listens on `*:6443` and `10.0.0.5:53/udp`. */
async function left(...refused: readonly RefusedListener[]): Promise<string[]> {
  served.appliance.listeners = [
    { protocol: "tcp", address: "*", port: 6443, virtualRouter: null, bound: true },
    { protocol: "tcp", address: "*", port: 80, virtualRouter: null, bound: false },
    { protocol: "udp", address: "10.0.0.5", port: 53, virtualRouter: null, bound: true },
  ];
  served.appliance.resolved = 'admin:\n  listen: 127.0.0.1:9900\n  probes: "*:9901"\n';
  using client = new AdminClient({ address: served.address, token: undefined });
  return (await notHeld(refused, client)).map(({ address, port }) => `${address}:${port}`);
}

it.each([
  ["172.16.0.10", 6443],
  ["::1", 6443],
  ["*", 6443],
  ["127.0.0.1", 9900],
  ["*", 9900],
  ["10.0.0.1", 9901],
])("notHeld counts %s:%i as free, which the appliance is in the way of", async (address, port) => {
  expect(await left(inUse({ address, port }))).toEqual([]);
});

it("notHeld leaves what others hold, or what fails for another reason", async () => {
  expect(
    await left(
      inUse({ port: 80 }),
      inUse({ port: 6444 }),
      inUse({ port: 6443, protocol: "udp" }),
      inUse({ port: 53, protocol: "udp" }),
      inUse({ address: "127.0.0.2", port: 9900 }),
      { ...inUse({ address: "10.9.9.9", port: 6443 }), isInUse: false },
    ),
  ).toEqual([
    ...["10.0.0.1:80", "10.0.0.1:6444", "10.0.0.1:6443", "10.0.0.1:53"],
    ...["127.0.0.2:9900", "10.9.9.9:6443"],
  ]);
});

it("notHeld leaves all where nobody answers", async () => {
  using client = new AdminClient({ address: "unix:/nonexistent/admin.sock", token: undefined });
  expect(await notHeld([inUse({ port: 1 })], client)).toHaveLength(1);
});

function inUse(change: Partial<RefusedListener>): RefusedListener {
  const message = "in use by another program";
  return { protocol: "tcp", address: "10.0.0.1", port: 1, isInUse: true, message, ...change };
}
