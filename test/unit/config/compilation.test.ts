import { describe, expect, it } from "vitest";
import {
  type Compilation,
  readSecret,
  sha256,
  unknownName,
} from "../../../src/config/compilation.ts";
import { fillDefaults } from "../../../src/config/defaults.ts";
import { Report } from "../../../src/config/report.ts";
import { FileSchema } from "../../../src/config/schema/file.ts";
import { fromValue, type Value } from "../../../src/config/tree.ts";

it("sha256 is that of the text's UTF-8 (FIPS 180-4)", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

describe("readSecret", () => {
  it.each([
    ["swordfish", "swordfish", undefined],
    ["file:/secret", "from a file", undefined],
    ["file:/empty", "", "the file /empty is empty: it should hold the secret"],
    ["file:/missing", "", "cannot read /missing: no such file"],
  ])("of %s is %j", (written, secret, problem) => {
    const given = compilation({});
    expect(readSecret(given, ["admin"], written)).toBe(secret);
    expect(given.report.problems.map(({ message }) => message)).toEqual(problem ? [problem] : []);
  });
});

describe("unknownName", () => {
  it.each<[Value, string]>([
    [{ trackers: { uplink: 1 } }, 'there is no tracker "uplnk"; did you mean uplink?'],
    [{ trackers: { a: 1, b: 2 } }, 'there is no tracker "uplnk": trackers has a, b'],
    [{}, 'there is no tracker "uplnk": trackers is empty'],
  ])("in %j", (file, message) => {
    expect(unknownName(compilation(file), "tracker", "trackers", "uplnk")).toBe(message);
  });
});

function compilation(file: Value): Compilation {
  const config = fillDefaults(FileSchema.parse({}));
  return {
    config,
    configs: new Map([["me", config]]),
    report: new Report("a.yaml", fromValue(file, { line: 1, column: 1 })),
    node: "me",
    readFile: (path) => {
      if (path === "/missing") throw new Error("no such file");
      return path === "/empty" ? "\n" : "from a file\n";
    },
    hash: "",
  };
}
