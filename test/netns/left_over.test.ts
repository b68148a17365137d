/**
 * Virtual addresses that are on the host already when the appliance starts: what a predecessor left
 * goes, whoever it was, unless the file says to refuse or the node is their owner.
 */

import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { Keepalived } from "./keepalived.ts";
import { Lintel, product } from "./product.ts";

const VIP = "172.16.0.10";

let command: readonly string[];
let lab: Lab;
let lb1: Host;

beforeAll(async () => {
  command = await product();
});

beforeEach(() => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
});

afterEach(() => lab?.[Symbol.asyncDispose]());

it("removes what a killed predecessor left behind, before it takes part", async () => {
  const killed = new Lintel(lb1, command, config("advertisementInterval: 200ms, deadman: none"));
  await eventually("lb1 is Active", () => lb1.holds(VIP));
  killed.process.kill("SIGKILL");
  await killed.process.status;
  await takenUp();
});

it("removes what a killed Keepalived left behind, and takes part", async () => {
  const other = { version: 3, priority: 100, intervalMs: 200, vip: VIP } as const;
  const killed = new Keepalived(lb1, other);
  await eventually("Keepalived is Active", () => lb1.holds(VIP));
  await killed.kill();
  const successor = await takenUp();
  expect(successor.process.output).toMatch(/172\.16\.0\.10 was still on this host: removed/);
});

it("does not touch an address of somebody else where told to refuse, and says so", async () => {
  await lb1.run(["ip", "address", "add", `${VIP}/24`, "dev", "eth0"]);
  const refused = new Lintel(lb1, command, config("existingAddress: refuse"));
  expect((await refused.process.status).code).toBe(3);
  expect(refused.process.output).toMatch(
    /lintel\.yaml:\d+:\d+: virtualRouters\.web\.addresses: 172\.16\.0\.10 is on eth0 .* remove it/,
  );
  expect(lb1.holds(VIP)).toBe(true);
});

it("keeps an owner's own address without a lifetime, also when it stops", async () => {
  await lb1.run(["ip", "address", "add", `${VIP}/24`, "dev", "eth0"]);
  const owner = new Lintel(lb1, command, config("priority: 255"));
  await eventually("lb1 is Active", async () => (await owner.router()).state === "active");
  expect(lb1.addresses().find(({ prefix }) => prefix === `${VIP}/24`)?.validSeconds).toBe(Infinity);
  owner.process.kill("SIGTERM");
  expect((await owner.process.status).code).toBe(0);
  expect(lb1.holds(VIP)).toBe(true);
});

function config(more: string): string {
  return `virtualRouters:
  web: { interface: eth0, vrid: 60, addresses: [${VIP}], ${more} }
frontends:
  web: { listen: "vip:web:80", backend: web }
backends:
  web: { check: none, servers: { web1: "172.16.0.21:80" } }
`;
}

/** A successor removes the address that is still there, and takes part. */
async function takenUp(): Promise<Lintel> {
  expect(lb1.holds(VIP)).toBe(true);
  const successor = new Lintel(lb1, command, config("advertisementInterval: 5s"));
  await eventually("the address is gone", () => !lb1.holds(VIP));
  await eventually(
    "it takes part",
    async () => (await successor.router()).state === "backup",
  );
  return successor;
}
