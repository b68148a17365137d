import { describe, expect, it } from "vitest";
import { formatTable } from "../../../src/cli/table.ts";

describe("formatTable", () => {
  it("aligns text left and numbers right", () => {
    const rows = [["a", 7, "x"], ["longer", 1234, { text: "y" }]];
    expect(formatTable(["NAME", "N", "LAST"], rows, false)).toBe(
      "NAME       N  LAST\na          7  x\nlonger  1234  y\n",
    );
  });

  it("keeps a row in its line, and the terminal's modes, whatever a cell says", () => {
    const rows = [["a\nb\u001b[2J", "x"], [{ text: "c\u001b", tone: "bad" as const }, "y"]];
    expect(formatTable(["H", "X"], rows, false)).toBe("H        X\na b [2J  x\nc        y\n");
    expect(formatTable(["H"], [[{ text: "c\u001b", tone: "bad" }]], true))
      .toBe("\x1b[2mH\x1b[0m\n\x1b[31mc \x1b[0m\n");
  });

  it("does not count colours into the width", () => {
    const rows = [[{ text: "up", tone: "good" as const }, "b"], ["down!", "b"]];
    expect(formatTable(["H", "X"], rows, true)).toBe(
      "\x1b[2mH\x1b[0m      \x1b[2mX\x1b[0m\n\x1b[32mup\x1b[0m     b\ndown!  b\n",
    );
  });
});
