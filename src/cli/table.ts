/**
 * Aligned columns for people. Colours are added after the widths are known.
 */

import { harmless } from "../core/text/harmless.ts";

/** A piece of text and how it is meant. */
export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

/** What a colour says. */
export type Tone = "good" | "bad" | "attention" | "quiet" | "strong";

/** Writes rows of equal length under their headings; a column of numbers is set to the right. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly (Cell | string | number)[])[],
  colours: boolean,
): string {
  const cells = rows.map((row) =>
    row.map((cell) => typeof cell === "object" ? cell : { text: String(cell) })
  );
  const head = headings.map((text): Cell => ({ text, tone: "quiet" }));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.text.length ?? 0))
  );
  const numeric = headings.map((_, column) =>
    rows.length > 0 && rows.every((row) => typeof row[column] === "number")
  );
  const lines = [head, ...cells].map((row) =>
    row.map((cell, column) => {
      const space = " ".repeat((widths[column] ?? 0) - cell.text.length);
      const text = paint(cell, colours);
      if (numeric[column]) return space + text;
      return column === row.length - 1 ? text : text + space;
    }).join("  ")
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** Text with its tone, where colours are wanted; what others have said in it is made harmless. */
export function paint({ text, tone }: Cell, colours: boolean): string {
  const shown = harmless(text);
  return colours && tone ? `\x1b[${CODES[tone]}m${shown}\x1b[0m` : shown;
}

const CODES: Readonly<Record<Tone, number>> = {
  good: 32,
  bad: 31,
  attention: 33,
  quiet: 2,
  strong: 1,
};
