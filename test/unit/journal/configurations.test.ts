import { afterEach, beforeEach, expect, it } from "vitest";
import { sha256 } from "../../../src/config/compilation.ts";
import { Configurations } from "../../../src/journal/configurations.ts";

let directory: string;
let kept: Configurations;

beforeEach(() => {
  directory = `${Deno.makeTempDirSync({ prefix: "lintel-kept-" })}/configurations`;
  kept = new Configurations(directory);
});

afterEach(() => Deno.removeSync(directory.replace(/[^/]*$/, ""), { recursive: true }));

function keep(text: string, second: number): void {
  kept.keep(text, sha256(text), new Date(Date.UTC(2026, 0, 2, 3, 4, second, 7)));
}

it("keeps texts as files that only their owner can read", () => {
  expect(kept.list()).toEqual([]);
  keep("a: 1\n", 5);
  const file = `${directory}/2026-01-02T03-04-05.007Z-${sha256("a: 1\n")}.yaml`;
  expect(kept.list()).toEqual([{ file, hash: sha256("a: 1\n"), at: "2026-01-02T03:04:05.007Z" }]);
  expect(Deno.readTextFileSync(file)).toBe("a: 1\n");
  expect(Deno.statSync(file).mode! & 0o777).toBe(0o600);
  expect(Deno.statSync(directory).mode! & 0o777).toBe(0o700);
});

it("keeps the last ten, newest first, for whoever comes later", () => {
  for (let at = 0; at < 13; at++) keep(`a: ${at}\n`, at);
  const texts = new Configurations(directory).list().map(({ file }) => Deno.readTextFileSync(file));
  expect(texts).toEqual(Array.from({ length: 10 }, (_, at) => `a: ${12 - at}\n`));
});

it("does not keep a text twice: it has another time", () => {
  for (let at = 0; at < 30; at++) keep(`a: ${at % 2}\n`, at);
  expect(kept.list().map(({ at, hash }) => [at, hash])).toEqual([
    ["2026-01-02T03:04:29.007Z", sha256("a: 1\n")],
    ["2026-01-02T03:04:28.007Z", sha256("a: 0\n")],
  ]);
});

it("leaves files alone that are none of its own", () => {
  keep("a: 1\n", 1);
  Deno.writeTextFileSync(`${directory}/notes.yaml`, "mine");
  for (let at = 0; at < 12; at++) keep(`b: ${at}\n`, at);
  expect(kept.list()).toHaveLength(10);
  expect(Deno.readTextFileSync(`${directory}/notes.yaml`)).toBe("mine");
});
