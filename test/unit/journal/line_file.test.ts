import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LineFile } from "../../../src/journal/line_file.ts";

let directory: string;
let path: string;
const faults: unknown[] = [];

function open(maxBytes = 1_000): LineFile {
  return new LineFile(path, maxBytes, (error) => faults.push(error));
}

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-lines-" });
  path = `${directory}/events.jsonl`;
  faults.length = 0;
});

afterEach(() => {
  Deno.removeSync(directory, { recursive: true });
});

describe("LineFile", () => {
  it("reads nothing where there is no file", () => {
    expect(open().read()).toEqual([]);
  });

  it("keeps lines in order, over a restart", async () => {
    const first = open();
    for (let at = 0; at < 20; at++) first.append(`line ${at}`);
    await first.flush();
    const second = open();
    second.append("last");
    await second.flush();
    expect(second.read()).toEqual([...Array.from({ length: 20 }, (_, at) => `line ${at}`), "last"]);
    expect(faults).toEqual([]);
  });

  it("leaves out a torn tail, and begins on a line of its own", async () => {
    Deno.writeTextFileSync(path, "whole\nto");
    const file = open();
    expect(file.read()).toEqual(["whole"]);
    file.append("next");
    await file.flush();
    expect(file.read()).toEqual(["whole", "to", "next"]);
  });

  it("holds one old file and one new one", async () => {
    const file = open(100);
    for (let at = 100; at < 200; at++) {
      file.append(`line ${at}`);
      await file.flush();
    }
    expect([...Deno.readDirSync(directory)].map(({ name }) => name).sort())
      .toEqual(["events.jsonl", "events.jsonl.1"]);
    expect(Deno.statSync(path).size).toBeLessThanOrEqual(100);
    expect(Deno.statSync(`${path}.1`).size).toBeLessThanOrEqual(100);
    const lines = file.read();
    expect(lines.at(-1)).toBe("line 199");
    expect(lines).toEqual(lines.map((_, at) => `line ${200 - lines.length + at}`));
    expect(lines.length).toBeGreaterThan(10);
  });

  it("tells of a disk that refuses once, and goes on when it no longer does", async () => {
    Deno.mkdirSync(path);
    const file = open(1_000_000);
    for (const line of ["a", "b"]) {
      file.append(line);
      await file.flush();
    }
    expect(faults).toHaveLength(1);
    Deno.removeSync(path);
    file.append("c");
    await file.flush();
    expect(file.read()).toEqual(["c"]);
  });
});
