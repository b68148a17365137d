/**
 * The wall clock of both nodes steps and runs wrong: to who is Active that means nothing.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { delay } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { Pair } from "./pair.ts";
import { product } from "./product.ts";
import { activeDownMs } from "./standard.ts";

const INTERVAL_MS = 100;

let directory: string;
let pair: Pair;

beforeAll(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-clock-" });
});

afterAll(async () => {
  await pair?.[Symbol.asyncDispose]();
  Deno.removeSync(directory, { recursive: true });
});

it("a step of an hour, forth and back, and a clock that runs wrong move nothing", async () => {
  const file = `${directory}/clock`;
  Deno.writeTextFileSync(file, "+0");
  const [library] = [...Deno.readDirSync("/usr/lib")].flatMap(({ name }) => {
    const path = `/usr/lib/${name}/faketime/libfaketimeMT.so.1`;
    return exists(path) ? [path] : [];
  });
  const command = [
    ...["env", `LD_PRELOAD=${library}`, `FAKETIME_TIMESTAMP_FILE=${file}`],
    ...["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", ...await product()],
  ];
  pair = await Pair.create(command, { interval: `${INTERVAL_MS}ms` });
  const { watch, lb1, lb2 } = pair;
  const [one, two] = await pair.startBoth();
  await delay(activeDownMs({ version: 3, intervalMs: INTERVAL_MS }, 100));
  const since = monotonicMs();
  for (const clock of ["+3600", "-3600", "+0 x1.2", "+0 x0.8"]) {
    Deno.writeTextFileSync(file, clock);
    await delay(2 * activeDownMs({ version: 3, intervalMs: INTERVAL_MS }, 100));
    expect(watch.changes(since), clock).toEqual([]);
    expect([(await one.router()).state, (await two.router()).state]).toEqual(["active", "backup"]);
  }
  // It does see the clock: what it records is an hour off.
  Deno.writeTextFileSync(file, "+3600");
  const killedAt = monotonicMs();
  await one.process.stop("SIGKILL");
  const takenMs = await watch.gained(lb2, killedAt);
  expect(takenMs).toBeLessThan(
    activeDownMs({ version: 3, intervalMs: INTERVAL_MS }, 100) + 150 + watch.stallMs(killedAt),
  );
  const { since: changedAt } = await two.router();
  expect(Date.parse(changedAt ?? "") - Date.now()).toBeGreaterThan(3_000_000);
  // The dead-man's clock is the kernel's own.
  expect(await watch.lost(lb1, killedAt)).toBeLessThan(3_500 + watch.stallMs(killedAt));
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
