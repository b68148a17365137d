import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readFile, removeFile, replaceFile } from "../../../src/journal/small_file.ts";

let directory: string;

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-small-" });
});

afterEach(() => {
  Deno.removeSync(directory, { recursive: true });
});

describe("a small file", () => {
  it("is replaced as a whole and leaves nothing beside it", () => {
    const path = `${directory}/standby.json`;
    expect(readFile(path)).toBeUndefined();
    replaceFile(path, "first, and longer");
    replaceFile(path, "second");
    expect(readFile(path)).toBe("second");
    expect([...Deno.readDirSync(directory)].map(({ name }) => name)).toEqual(["standby.json"]);
    removeFile(path);
    removeFile(path);
    expect(readFile(path)).toBeUndefined();
  });

  it("stays as it was where the new one cannot be written", () => {
    const path = `${directory}/standby.json`;
    replaceFile(path, "first");
    Deno.mkdirSync(`${path}.new`);
    expect(() => replaceFile(path, "second")).toThrow();
    expect(readFile(path)).toBe("first");
  });
});
