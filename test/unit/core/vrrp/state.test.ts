import { describe, expect, it } from "vitest";
import {
  type Active,
  backupState,
  deadline,
  initialState,
  type Leaving,
  publicState,
  stay,
  TRANSITIONS,
} from "../../../../src/core/vrrp/state.ts";
import { OURS, ROUTER } from "../../../conformance/trial.ts";

const ACTIVE: Active = {
  name: "active",
  priority: 100,
  source: OURS,
  advertisedAt: 0,
  awayAt: -Infinity,
  advertiseAt: 50_000,
  renewAt: 50_000,
  announcedAt: 45_000,
  announceFrom: 45_000,
  announceAt: 50_000,
  announceAgainAt: 50_000,
  refreshAt: 50_000,
  saidAt: 0,
};
const LEAVING: Leaving = {
  name: "leaving",
  phase: "yielding",
  then: "stop",
  resumes: false,
  activeIntervalMs: 1000,
  lastWord: false,
  priority: 100,
  source: OURS,
  leaveAt: 50_000,
  renewAt: 50_000,
};

describe("deadline()", () => {
  it("is never while there is nothing to wait for", () => {
    expect(deadline(initialState(ROUTER))).toBe(Infinity);
  });

  it("is Active_Down_Timer of a Backup that has been found awake before", () => {
    const backup = backupState(ROUTER, { priority: 100, source: OURS }, 1000, 10_000);
    expect(deadline(backup)).toBe(12_000);
    expect(deadline({ ...backup, attendAt: Infinity })).toBe(13_609.375);
  });

  it.each([
    ["advertiseAt", 20_000, 20_000],
    ["renewAt", 20_000, 20_000],
    ["announceAt", 20_000, 20_000],
    ["announceAgainAt", 20_000, 20_000],
    ["refreshAt", 20_000, 20_000],
  ])("of an Active follows %s", (name, at, expected) => {
    expect(deadline({ ...ACTIVE, [name]: at })).toBe(expected);
  });

  it.each(["leaveAt", "renewAt"])("while leaving follows %s", (name) => {
    expect(deadline({ ...LEAVING, [name]: 20_000 })).toBe(20_000);
  });
});

describe("backupState()", () => {
  const at = { priority: 100, source: OURS };

  it("learns the interval in version 3", () => {
    expect(backupState(ROUTER, at, 200, 0).activeIntervalMs).toBe(200);
  });

  it("does not in version 2", () => {
    expect(backupState({ ...ROUTER, version: 2 }, at, 200, 0).activeIntervalMs).toBe(1000);
  });
});

it("publicState() shows leaving as initialize, since priority 0 has been sent", () => {
  expect(publicState(LEAVING)).toBe("initialize");
  expect(publicState(ACTIVE)).toBe("active");
});

it("TRANSITIONS leads into each public state", () => {
  expect(new Set(Object.values(TRANSITIONS))).toEqual(new Set(["initialize", "backup", "active"]));
});

it("stay() asks for nothing", () => {
  expect(stay(ACTIVE)).toEqual({ state: ACTIVE, outputs: [] });
});
