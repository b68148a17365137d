/**
 * What operators have said of servers, over `kill -9` at any moment: every answer that somebody has
 * had is in force after the restart.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { delay } from "../../scripts/lab/wait.ts";
import { isSoak } from "./figures.ts";
import { COMMON, Lintel, product } from "./product.ts";

const SERVERS = Array.from({ length: 8 }, (_, at) => `s${at}`);
const CONFIG = `${COMMON}workers: 1
frontends: { web: { listen: "127.0.0.1:80", backend: web } }
backends:
  web:
    check: none
    servers: { ${SERVERS.map((name, at) => `${name}: "127.0.0.1:${1000 + at}"`).join(", ")} }
`;
const ROUNDS = isSoak ? 200 : 5;

let lab: Lab;
let host: Host;
let command: readonly string[];

beforeAll(async () => {
  command = await product();
  lab = Lab.create();
  host = lab.host("lb1", { addresses: ["10.77.0.1/24"] });
});

afterAll(() => lab?.[Symbol.asyncDispose]());

it("loses no override that was acknowledged, whenever it is killed", async () => {
  /** By server: the last weight that was acknowledged, and the one asked for after it, if any. */
  const acknowledged = new Map<string, number>();
  const asked = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const lintel = await start();
    for (const name of SERVERS) {
      const { weight } = await lintel.server(name);
      const expected = [acknowledged.get(name) ?? null, asked.get(name) ?? null];
      expect(expected, `${name} in round ${round}`).toContain(weight.runtime);
      if (weight.runtime !== null) acknowledged.set(name, weight.runtime);
    }
    const killed = delay(20 + Math.random() * 150).then(() => lintel.process.kill("SIGKILL"));
    try {
      // Each round begins with another one: a slow disk may take few of them.
      for (let change = round;; change++) {
        const name = SERVERS[change % SERVERS.length]!;
        const weight = 1 + (round * 31 + change) % 99;
        asked.set(name, weight);
        await lintel.patchServer("web", name, { weight, reason: `round ${round}` });
        acknowledged.set(name, weight);
      }
    } catch {
      // It has been killed, as it was meant to be.
    }
    await killed;
    await lintel.process.status;
  }
  expect(acknowledged.size).toBeGreaterThan(0);
});

it("has drains again after a restart, and who made them, unless the file overrules", async () => {
  const first = await start();
  await first.patchServer("web", "s0", { state: "drain", reason: "disk", ttl: "2h" });
  const before = await first.server("s0");
  await first.process.stop();
  const second = await start();
  expect(await second.server("s0")).toMatchObject({ admin: "drain", override: before.override });
  await second.process.stop();
  const inMaint = 's0: { address: "127.0.0.1:1000", state: maint }';
  const third = await start(CONFIG.replace('s0: "127.0.0.1:1000"', inMaint));
  expect(await third.server("s0")).toMatchObject({ admin: "maint" });
  expect(third.process.output).toMatch(/web:s0:state is over: the file says maint now/);
  await third.process.stop();
});

async function start(config = CONFIG): Promise<Lintel> {
  const lintel = new Lintel(host, command, config);
  await lintel.ready();
  return lintel;
}
