import { describe, expect, it } from "vitest";
import { type Row, ServerTable } from "../../../src/memory/server_table.ts";

const FIRST = 0 as Row;
const SECOND = 1 as Row;

const ADMIN = ["ready", "drain", "maint"] as const;
const HEALTH = ["unchecked", "up", "down"] as const;
const cases = ADMIN.flatMap((admin) =>
  HEALTH.flatMap((health) => [0, 1, 256].map((weight) => [admin, health, weight] as const))
);

describe("ServerTable", () => {
  it.each(cases)("takes connections only if ready, up and of weight: %s, %s, %i", (
    admin,
    health,
    weight,
  ) => {
    const table = new ServerTable(1);
    table.setAdmin(FIRST, admin);
    table.setHealth(FIRST, health);
    table.setWeight(FIRST, weight);
    expect(table.takesConnections(FIRST)).toBe(admin === "ready" && health === "up" && weight > 0);
    expect([table.admin(FIRST), table.health(FIRST), table.weight(FIRST)])
      .toEqual([admin, health, weight]);
  });

  it("knows how many servers it has room for", () => {
    expect([0, 1, 7].map((rows) => new ServerTable(new ServerTable(rows).buffer).rows))
      .toEqual([0, 1, 7]);
  });

  it("begins ready, unchecked, without weight and idle", () => {
    const table = new ServerTable(2);
    expect([table.admin(SECOND), table.health(SECOND), table.weight(SECOND), table.active(SECOND)])
      .toEqual(["ready", "unchecked", 0, 0]);
  });

  it("has a count with a health where there is one, which is no other version", () => {
    const table = new ServerTable(2);
    expect(table.healthCount(SECOND)).toBeUndefined();
    for (const count of [0, 4]) {
      table.setHealth(SECOND, "up", count);
      expect([table.health(SECOND), table.healthCount(SECOND)]).toEqual(["up", count]);
    }
    const version = table.version();
    table.setHealth(SECOND, "up", 3);
    expect(table.version()).toBe(version);
    table.setHealth(SECOND, "up");
    expect(table.healthCount(SECOND)).toBeUndefined();
  });

  it("keeps what an agent says apart from the health, and takes connections for both only", () => {
    const table = new ServerTable(2);
    table.setWeight(SECOND, 1);
    for (const health of HEALTH) {
      for (const isDown of [false, true]) {
        table.setAgentDown(SECOND, isDown);
        table.setHealth(SECOND, health);
        expect([table.health(SECOND), table.isAgentDown(SECOND)]).toEqual([health, isDown]);
        expect(table.takesConnections(SECOND)).toBe(health === "up" && !isDown);
        expect(table.keepsSessions(SECOND)).toBe(health !== "down" && !isDown);
      }
    }
    const version = table.version();
    table.setAgentDown(FIRST, true);
    expect(table.version()).not.toBe(version);
    table.keepAgents((row) => row === FIRST);
    expect([FIRST, SECOND].map((row) => table.isAgentDown(row))).toEqual([true, false]);
  });

  it("counts active connections up and down", () => {
    const table = new ServerTable(1);
    table.addActive(FIRST, 3);
    table.addActive(FIRST, -1);
    expect(table.active(FIRST)).toBe(2);
  });

  it("keeps rows apart and is seen by others through its memory", () => {
    const table = new ServerTable(2);
    const other = new ServerTable(table.buffer);
    table.setWeight(SECOND, 7);
    table.setHealth(SECOND, "down");
    table.setAdmin(FIRST, "maint");
    expect([other.weight(FIRST), other.health(FIRST), other.admin(FIRST)])
      .toEqual([0, "unchecked", "maint"]);
    expect([other.weight(SECOND), other.health(SECOND), other.admin(SECOND)])
      .toEqual([7, "down", "ready"]);
  });

  it("counts no more than the limit where connections are claimed, and any number without", () => {
    const table = new ServerTable(2);
    const other = new ServerTable(table.buffer);
    table.setLimit(SECOND, 2);
    expect([table, other, table].map((one) => one.claim(SECOND))).toEqual([true, true, false]);
    other.addActive(SECOND, -1);
    expect([table.claim(SECOND), table.active(SECOND), table.limit(SECOND)]).toEqual([true, 2, 2]);
    for (let count = 0; count < 5; count++) expect(table.claim(FIRST)).toBe(true);
    expect(table.active(FIRST)).toBe(5);
  });

  it("has another version after each change, and only then", () => {
    const table = new ServerTable(2);
    const versions = [
      () => table.setWeight(SECOND, 7),
      () => table.setHealth(SECOND, "up"),
      () => table.setAdmin(SECOND, "drain"),
      () => table.setLimit(SECOND, 5),
    ].map((change) => {
      change();
      return new ServerTable(table.buffer).version();
    });
    expect(new Set([0, ...versions]).size).toBe(5);
    const before = table.version();
    table.setWeight(SECOND, 7);
    table.claim(SECOND);
    expect(table.version()).toBe(before);
  });
});
