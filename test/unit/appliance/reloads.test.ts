import { beforeEach, describe, expect, it, vi } from "vitest";
import { Conflict } from "../../../src/admin/appliance.ts";
import { type Outcome, Reloads, type ReloadsParts } from "../../../src/appliance/reloads.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { Plan } from "../../../src/core/plan/plan.ts";
import { PAIR, planOf, source } from "../config/source.ts";

const WISH = { caller: { name: "ops", role: "admin" }, reason: "because", dryRun: false } as const;
const MORE = `${PAIR}stopTimeout: 1s\n`;
const BROKEN = `${PAIR}workers: 0\nstopTimeout: 5\n`;

/** What the file says, and what has come of it. */
let world: {
  text: string | undefined;
  refusal: string | undefined;
  /** Applying waits for it. */
  applying: Promise<void>;
  applied: Plan[];
  remarks: string[];
  kept: string[];
  disk: string | undefined;
  told: Outcome[];
  manager: string[];
  watched: boolean[];
};

beforeEach(() => {
  world = {
    ...{ text: PAIR, refusal: undefined, applying: Promise.resolve(), applied: [], remarks: [] },
    ...{ kept: [], disk: undefined, told: [], manager: [], watched: [] },
  };
});

function parts(): ReloadsParts {
  const plan = planOf(PAIR, { node: "lb1" });
  return {
    ...{ file: "a.yaml", text: PAIR, plan },
    read: () => {
      if (world.text === undefined) throw new Error("no such file");
      return world.text;
    },
    running: {
      load: (text) => loadConfig(text, source({ node: "lb1" })),
      connections: () => 0,
      router: () => undefined,
      overruled: () => ["override web:a:weight would be over"],
    },
    resolve: (text) => `resolved ${text}`,
    apply: async (plan) => {
      await world.applying;
      if (world.refusal) throw new Error(world.refusal);
      world.applied.push(plan);
      return world.remarks;
    },
    kept: {
      list: () => [],
      keep: (text) => {
        if (world.disk) throw new Error(world.disk);
        world.kept.push(text);
      },
    },
    tell: (outcome) => world.told.push(outcome),
    manager: {
      reloading: () => world.manager.push("reloading"),
      reloaded: (status) => world.manager.push(status),
    },
    watch: (isWanted) => world.watched.push(isWanted),
  };
}

function started(): Reloads {
  const reloads = new Reloads(parts());
  reloads.start();
  return reloads;
}

describe("a reload", () => {
  it("applies what is other than before, and keeps, tells and remembers it", async () => {
    const reloads = started();
    world.text = MORE;
    world.remarks = ["override web:a:weight is over"];
    const answer = await reloads.reload(WISH);
    const wanted = planOf(MORE, { node: "lb1" });
    expect(answer).toMatchObject({
      ...{ file: "a.yaml", applied: true, hash: wanted.hash, remarks: world.remarks },
      changes: [{ kind: "change", what: "setting", name: "stopTimeoutMs" }],
    });
    expect(world.applied).toEqual([wanted]);
    expect(world.kept).toEqual([PAIR, MORE]);
    const message = "the configuration was reloaded: 1 changed";
    expect(world.told).toEqual([
      { level: "info", message, problems: [], isEvent: true, by: "ops", reason: "because" },
    ]);
    expect(world.manager).toEqual(["reloading", message]);
    expect(reloads.summary).toMatchObject({ hash: wanted.hash, lastReloadSuccessful: true });
    expect(reloads.configuration).toMatchObject({
      lastReload: { successful: true, message, problems: [], by: "ops", reason: "because" },
      resolved: `resolved ${MORE}`,
    });
  });

  it("applies nothing where nothing is other than before, also if the text is", async () => {
    const reloads = started();
    world.text = `# a word\n${PAIR}`;
    expect(await reloads.reload(WISH)).toMatchObject({ applied: false, changes: [] });
    expect(world.applied).toEqual([]);
    expect(reloads.summary.hash).toBe(planOf(world.text, { node: "lb1" }).hash);
    expect(world.told).toMatchObject([{ message: /nothing is other/, isEvent: false }]
      .map((outcome) => ({ ...outcome, message: expect.stringMatching(outcome.message) })));
  });

  it("leaves what has to wait for the next start, and says so", async () => {
    const reloads = started();
    world.text = `${MORE}workers: 5\n`;
    expect(await reloads.reload(WISH)).toMatchObject({ nextStart: [{ path: "workers", to: 5 }] });
    expect(world.applied).toMatchObject([{ workers: null, stopTimeoutMs: 1_000 }]);
    expect(world.told[0]?.message).toMatch(/: 1 changed \(at the next start: workers\)$/);
  });

  it("refuses a file with all that is wrong with it, and the old one runs on", async () => {
    const reloads = started();
    world.text = BROKEN;
    const answer = await reloads.reload(WISH);
    expect(answer).toEqual({
      problems: [
        { path: "workers", detail: expect.stringMatching(/^7:10: found 0/) },
        { path: "stopTimeout", detail: expect.stringMatching(/^8:14: found 5/) },
      ],
    });
    expect(world.applied).toEqual([]);
    expect(world.kept).toEqual([PAIR]);
    expect(world.told).toMatchObject([{
      level: "error",
      isEvent: true,
      message: expect.stringMatching(/^not reloaded, what ran .*a.yaml:7:10: .* \(and 1 more\)$/),
      problems: [expect.stringMatching(/^a.yaml:7:10: /), expect.stringMatching(/^a.yaml:8:14: /)],
    }]);
    expect(reloads.summary).toMatchObject({
      hash: planOf(PAIR, { node: "lb1" }).hash,
      lastReloadSuccessful: false,
    });
    world.text = PAIR;
    await reloads.reload(WISH);
    expect(reloads.summary.lastReloadSuccessful).toBe(true);
  });

  it("refuses a file that cannot be read", async () => {
    const reloads = started();
    world.text = undefined;
    expect(await reloads.reload(WISH)).toEqual({
      problems: [{ path: "", detail: "no such file" }],
    });
    expect(reloads.summary.lastReloadSuccessful).toBe(false);
  });

  it("that cannot be applied says what has failed, and that the old one runs on", async () => {
    const reloads = started();
    world.text = MORE;
    world.refusal = "could not open *:80: address in use";
    const message = "a.yaml is valid and was not applied: could not open *:80: address in use; " +
      "what ran before runs on";
    await expect(reloads.reload(WISH)).rejects.toThrow(new Conflict(message));
    expect(reloads.plan).toEqual(planOf(PAIR, { node: "lb1" }));
    expect(reloads.configuration.lastReload).toMatchObject({ successful: false, message });
    expect(world.told).toMatchObject([{ level: "error", message, isEvent: true }]);
    expect(world.kept).toEqual([PAIR]);
    // Going back may have failed in part: the file that runs is applied once more.
    Object.assign(world, { text: PAIR, refusal: undefined });
    expect(await reloads.reload(WISH)).toMatchObject({ applied: true, changes: [] });
  });

  it("only looks where it is a dry run", async () => {
    const reloads = started();
    world.text = MORE;
    expect(await reloads.reload({ ...WISH, dryRun: true })).toMatchObject({
      applied: false,
      changes: [{ name: "stopTimeoutMs" }],
      remarks: ["override web:a:weight would be over"],
    });
    world.text = BROKEN;
    expect(await reloads.reload({ ...WISH, dryRun: true })).toMatchObject({ problems: [{}, {}] });
    expect([world.applied, world.told, world.manager]).toEqual([[], [], []]);
    expect(reloads.summary.lastReloadSuccessful).toBe(true);
    expect(reloads.isNews(BROKEN)).toBe(true);
  });

  it("is as good where the disk refuses to keep it", async () => {
    const reloads = started();
    Object.assign(world, { text: MORE, disk: "no space left" });
    expect(await reloads.reload(WISH)).toMatchObject({ applied: true });
    expect(world.told.map(({ level }) => level)).toEqual(["warn", "info"]);
  });
});

describe("several reloads", () => {
  it("go one at a time, and each reads the file when its turn comes", async () => {
    const reloads = started();
    const { promise, resolve } = Promise.withResolvers<void>();
    Object.assign(world, { text: MORE, applying: promise });
    const first = reloads.reload(WISH);
    const second = reloads.reload(WISH);
    const third = reloads.reload({ ...WISH, requireMatch: refuseUnless("3s") });
    await until(() => world.manager.length === 1);
    world.text = `${PAIR}stopTimeout: 3s\n`;
    resolve();
    expect(await first).toMatchObject({ applied: true });
    expect(await second).toMatchObject({ applied: true });
    expect(await third).toMatchObject({ applied: false });
    expect(world.applied.map(({ stopTimeoutMs }) => stopTimeoutMs)).toEqual([1_000, 3_000]);
  });

  it("wait for the start, and none begins after the stop", async () => {
    const reloads = new Reloads(parts());
    world.text = MORE;
    const early = reloads.reload(WISH);
    await Promise.resolve();
    expect(world.manager).toEqual([]);
    reloads.start();
    expect(await early).toMatchObject({ applied: true });
    await reloads.stop();
    await expect(reloads.reload(WISH)).rejects.toThrow("the appliance is stopping");
    expect(world.watched.at(-1)).toBe(false);
  });

  it("of a storm of signals are two: one under way, and one that reads anew", async () => {
    const reloads = started();
    const { promise, resolve } = Promise.withResolvers<void>();
    Object.assign(world, { text: MORE, applying: promise });
    reloads.trigger("SIGHUP");
    await until(() => world.manager.length === 1);
    for (let count = 0; count < 1_000; count++) reloads.trigger("SIGHUP");
    world.text = `${PAIR}stopTimeout: 3s\n`;
    resolve();
    await until(() => world.manager.length === 4);
    await reloads.stop();
    expect(world.applied.map(({ stopTimeoutMs }) => stopTimeoutMs)).toEqual([1_000, 3_000]);
    expect(world.told.map(({ by }) => by)).toEqual(["SIGHUP", "SIGHUP"]);
  });

  it("are not more than can be waited for", async () => {
    const reloads = new Reloads(parts());
    const all = Array.from({ length: 20 }, () => reloads.reload(WISH));
    const settled = Promise.allSettled(all);
    reloads.start();
    const refused = (await settled).filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(4);
  });
});

it("what was read last is no news, good or not", async () => {
  const reloads = started();
  expect([reloads.isNews(PAIR), reloads.isNews(BROKEN)]).toEqual([false, true]);
  world.text = BROKEN;
  await reloads.reload(WISH);
  expect([reloads.isNews(PAIR), reloads.isNews(BROKEN)]).toEqual([true, false]);
  world.text = undefined;
  await reloads.reload(WISH);
  expect([reloads.isNews(undefined), reloads.isNews(PAIR)]).toEqual([false, true]);
});

it("the file says whether it is watched", async () => {
  const reloads = started();
  world.text = `${PAIR}watch: true\n`;
  await reloads.reload(WISH);
  expect(world.watched).toEqual([false, true]);
});

/** Refuses unless the file that runs has this. */
function refuseUnless(stopTimeout: string) {
  return ({ resolved }: { readonly resolved: string }) => {
    if (!resolved.includes(stopTimeout)) throw new Error(`${stopTimeout} does not run`);
  };
}

function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20_000, interval: 1 });
}
