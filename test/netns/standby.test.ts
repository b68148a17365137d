/**
 * `lintel standby` with the product: handed over, refused to take, remembered over a restart, ended
 * by its time.
 */

import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { always, delay, eventually } from "../../scripts/lab/wait.ts";
import { connects } from "./connects.ts";
import { eventsOf, Pair, VIP } from "./pair.ts";
import { COMMON, Lintel, product } from "./product.ts";

const WITHOUT = `nodes: { lb1: { addresses: [172.16.0.2], priority: 150 } }
workers: 1
frontends: { web: { listen: "172.16.0.2:80", backend: web } }
backends: { web: { check: none, servers: { web1: "172.16.0.21:80" } } }
`;
const WITH = `${WITHOUT}virtualRouters:
  web: { vrid: 51, addresses: [${VIP}], advertisementInterval: 200ms, unicast: false }
`;

let command: readonly string[];
let pair: Pair;

beforeAll(async () => {
  command = await product();
});

beforeEach(async () => {
  pair = await Pair.create(command);
});

afterEach(() => pair?.[Symbol.asyncDispose]());

it("hands over, stays away also after a restart and alone, and comes back", async () => {
  const [one, two] = await pair.startBoth();
  const { watch, lb1, lb2 } = pair;
  const { code, stdout, output } = await pair.lintel(lb1, "standby", "on", "--reason", "disk");
  expect(code, output).toBe(0);
  expect(stdout).toMatch(/^standby is on until it is switched off.*disk/);
  await watch.only(lb2);
  const metrics = await (await one.ask("GET", "/metrics")).text();
  expect(metrics).toMatch(/^lintel_standby 1$/m);

  one.process.kill("SIGKILL");
  await one.process.status;
  const again = pair.start(lb1);
  await again.ready();
  expect(await again.json("GET", "/v1/standby")).toMatchObject({ enabled: true, reason: "disk" });
  two.process.kill("SIGTERM");
  await two.process.end();
  await always("nobody takes it", () => watch.holders().length === 0, { forMs: 2_000 });

  expect((await pair.lintel(lb1, "standby", "off")).code).toBe(0);
  await watch.only(lb1);
  await eventually("it serves", () => connects(pair.client, VIP, 80));
  const kinds = (await eventsOf(again)).filter(({ kind }) => kind === "standby");
  expect(kinds.map(({ message }) => message)).toEqual(["standby is on", "standby is off"]);
});

it("ends by itself when its time has come", async () => {
  const [one] = await pair.startBoth();
  expect((await pair.lintel(pair.lb1, "standby", "on", "--for", "3s")).code).toBe(0);
  await pair.watch.only(pair.lb2);
  await pair.watch.only(pair.lb1, 8_000);
  expect(await one.json("GET", "/v1/standby")).toMatchObject({ enabled: false });
});

it("is refused where no peer takes over, and nothing has changed then", async () => {
  const one = pair.start(pair.lb1);
  await one.ready();
  await pair.watch.only(pair.lb1);
  const { code, output } = await pair.lintel(pair.lb1, "standby", "on");
  expect(code).toBe(7);
  expect(output).toMatch(/no peer has taken over/);
  expect(pair.watch.holders()).toEqual(["lb1"]);
  expect(await one.json("GET", "/v1/standby")).toMatchObject({ enabled: false });

  expect((await pair.lintel(pair.lb1, "standby", "on", "--force")).code).toBe(0);
  await eventually("it leaves", () => pair.watch.holders().length === 0);
  await delay(1_500);
  expect(pair.watch.holders()).toEqual([]);
});

it("lets a Backup go into standby without moving anything", async () => {
  const [, two] = await pair.startBoth();
  expect((await pair.lintel(pair.lb2, "standby", "on")).code).toBe(0);
  expect(pair.watch.holders()).toEqual(["lb1"]);
  expect((await two.router()).state).not.toBe("active");
});

it("is taken where there is no virtual router, and holds for the first that comes", async () => {
  const { lb1, watch } = pair;
  const before = new Lintel(lb1, command, WITHOUT);
  await before.ready();
  expect((await pair.lintel(lb1, "standby", "on")).code).toBe(0);
  expect(await before.json("GET", "/v1/standby")).toMatchObject({ enabled: true });
  await before.process.stop();

  const one = new Lintel(lb1, command, WITHOUT);
  await one.ready();
  expect(await (await one.ask("GET", "/metrics")).text()).toMatch(/^lintel_standby 1$/m);
  lb1.write("lintel.yaml", COMMON + WITH);
  expect((await pair.lintel(lb1, "reload")).code).toBe(0);
  await always("nobody takes it", () => watch.holders().length === 0, { forMs: 2_000 });
  expect((await pair.lintel(lb1, "standby", "off")).code).toBe(0);
  await watch.only(lb1);
});
