import { expect, it } from "vitest";
import { GroupStates } from "../../../src/appliance/group_states.ts";

const GROUPS = [{ name: "pair", members: ["four", "six"] }];

it("GroupStates says once that all members have come to a state", () => {
  const groups = new GroupStates(GROUPS);
  const notes: readonly (readonly [string, Parameters<GroupStates["note"]>[1], boolean])[] = [
    ["four", "BACKUP", false],
    ["six", "BACKUP", true],
    ["four", "MASTER", false],
    ["six", "MASTER", true],
    // What a member goes through and comes back from is none of the group's.
    ["six", "BACKUP", false],
    ["six", "MASTER", false],
    ["four", "FAULT", false],
    ["six", "FAULT", true],
    ["six", "STOP", false],
    ["four", "STOP", true],
  ];
  for (const [router, state, isWhole] of notes) expect(groups.note(router, state)).toBe(isWhole);
});

it("GroupStates knows nothing of a virtual router that is in none", () => {
  const groups = new GroupStates(GROUPS);
  expect(groups.note("alone", "MASTER")).toBe(false);
  expect(groups.of("alone")).toBeUndefined();
  expect(groups.of("six")).toBe(GROUPS[0]);
});

it("GroupStates goes by other groups, and tells anew of one that has other members", () => {
  const groups = new GroupStates(GROUPS);
  groups.note("four", "BACKUP");
  groups.note("six", "BACKUP");
  groups.change([...GROUPS, { name: "other", members: ["a", "b"] }]);
  expect(groups.note("six", "BACKUP")).toBe(false);
  groups.change([{ name: "pair", members: ["four", "six", "a"] }]);
  expect(groups.note("a", "BACKUP")).toBe(true);
  expect(groups.of("b")).toBeUndefined();
});
