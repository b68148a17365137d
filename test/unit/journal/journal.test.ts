import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal, type Json } from "../../../src/journal/journal.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-journal-" });
  path = `${directory}/journal`;
});

afterEach(() => {
  Deno.removeSync(directory, { recursive: true });
});

function facts(): Record<string, Json> {
  return Object.fromEntries(new Journal(path).facts);
}

describe("Journal", () => {
  it("is empty where there is no file", () => {
    const journal = new Journal(path);
    expect([journal.facts.size, journal.damage]).toEqual([0, []]);
  });

  it("keeps the last value of each key over a restart, and none that was forgotten", async () => {
    const journal = new Journal(path);
    await Promise.all([journal.set("a", 1), journal.set("b", { x: ["ü", null] })]);
    await journal.set("a", 2);
    await journal.set("c", "gone");
    await journal.delete("c");
    expect(facts()).toEqual({ a: 2, b: { x: ["ü", null] } });
  });

  it("has a change on the disk when its promise resolves", async () => {
    const journal = new Journal(path);
    for (let turn = 0; turn < 20; turn++) {
      await journal.set(`key ${turn % 3}`, turn);
      expect(facts()[`key ${turn % 3}`]).toBe(turn);
    }
  });

  it("brings to the disk what that has refused, once it takes it", async () => {
    const journal = new Journal(path);
    await journal.set("a", 1);
    await journal.set("b", 2);
    await journal.retry();
    const text = Deno.readTextFileSync(path);
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    await expect(journal.set("a", 3)).rejects.toThrow();
    await expect(journal.delete("b")).rejects.toThrow();
    // Nobody may take for done what is not.
    await expect(journal.delete("b")).rejects.toThrow();
    await expect(journal.retry()).rejects.toThrow();
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, text);
    await journal.retry();
    expect(facts()).toEqual({ a: 3 });
  });

  it("does not grow for ever", async () => {
    const journal = new Journal(path);
    for (let turn = 0; turn < 5_000; turn++) {
      const written = journal.set(`key ${turn % 10}`, turn);
      if (turn % 100 === 0) await written;
    }
    await journal.flush();
    expect(Deno.statSync(path).size).toBeLessThan(60_000);
    expect(facts()["key 9"]).toBe(4_999);
  });

  it("loses only the torn line, wherever the tear is, and reports it", async () => {
    const journal = new Journal(path);
    for (const key of ["one", "two", "three"]) await journal.set(key, key.length);
    const whole = Deno.readFileSync(path);
    const lastLine = new TextDecoder().decode(whole).trimEnd().lastIndexOf("\n") + 1;
    for (let size = lastLine + 1; size < whole.length; size++) {
      Deno.writeFileSync(path, whole.subarray(0, size));
      const torn = new Journal(path);
      expect(Object.fromEntries(torn.facts)).toEqual({ one: 3, two: 3 });
      expect(torn.damage).toEqual([
        `line 3 was torn off after ${size - lastLine} characters`,
      ]);
      expect(Deno.readFileSync(`${path}.damaged`)).toEqual(whole.subarray(0, size));
      // It has been written anew: nothing is reported twice.
      expect(new Journal(path).damage).toEqual([]);
    }
  });

  it("loses only the lines that are damaged", async () => {
    const journal = new Journal(path);
    const keys = ["one", "two", "three", "four"];
    for (const key of keys) await journal.set(key, key);
    const whole = Deno.readFileSync(path);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = whole.slice();
        damaged[at]! ^= flip;
        Deno.writeFileSync(path, damaged);
        const after = new Journal(path);
        // One flipped octet hits one line; two where it was the end of one.
        expect(after.facts.size).toBeGreaterThanOrEqual(keys.length - 2);
        for (const [key, value] of after.facts) expect(value).toBe(key);
        expect(after.damage.length).toBeGreaterThan(0);
      }),
    );
  });

  it("says so where the disk refuses, and has the fact once the disk takes it again", async () => {
    const journal = new Journal(path);
    await journal.set("a", 1);
    Deno.renameSync(path, `${path}.away`);
    Deno.mkdirSync(path);
    await expect(journal.set("b", 2)).rejects.toThrow();
    expect(journal.facts.get("b")).toBe(2);
    Deno.removeSync(path);
    await journal.set("c", 3);
    expect(facts()).toEqual({ a: 1, b: 2, c: 3 });
  });
});
