import { describe, expect, it } from "vitest";
import { formatTable } from "../../../src/cli/table.ts";

describe("formatTable", () => {
  it("aligns text left and numbers right", () => {
    const rows = [["a", 7, "x"], ["longer", 1234, { text: "y" }]];
    expect(formatTable(["NAME", "N", "LAST"], rows, false)).toBe(
      "NAME       N  LAST\na          7  x\nlonger  1234  y\n",
    );
  });

  it("does not count colours into the width", () => {
    const rows = [[{ text: "up", tone: "good" as const }, "b"], ["down!", "b"]];
    expect(formatTable(["H", "X"], rows, true)).toBe(
      "\x1b[2mH\x1b[0m      \x1b[2mX\x1b[0m\n\x1b[32mup\x1b[0m     b\ndown!  b\n",
    );
  });
});
