/**
 * What breaks a rule of the house, less what is excused. An exception is a line of the source,
 * `// house: RULE: why`, on the line in question or above it; one that excuses nothing is a
 * finding.
 */

import type { Source } from "./source.ts";

/** Something at a line that breaks a rule; line 0 is the file as a whole. */
export interface Finding {
  readonly source: Source;
  readonly line: number;
  readonly what: string;
}

/** The findings as text, `path:line: what`, without those that the source excuses. */
export function unexcused(rule: string, findings: readonly Finding[], all: readonly Source[]) {
  const used = new Set<string>();
  const left = findings.filter(({ source, line }) => {
    const excuse = excuses(rule, source).find((at) => line === 0 || covers(source, at, line));
    if (excuse !== undefined) used.add(`${source.path}:${excuse}`);
    return excuse === undefined;
  });
  const idle = all.flatMap((source) =>
    excuses(rule, source).filter((at) => !used.has(`${source.path}:${at}`))
      .map((at) => ({ source, line: at, what: "this exception excuses nothing" }))
  );
  return [...left, ...idle].map(({ source, line, what }) => `${source.path}:${line}: ${what}`);
}

/** Lines that hold an exception from a rule and say why. */
function excuses(rule: string, source: Source): number[] {
  const pattern = new RegExp(`// house: ${rule}: \\S`);
  return source.lines.flatMap((line, index) => pattern.test(line) ? [index + 1] : []);
}

/** An exception holds for its own line and for the first line of code below it. */
function covers(source: Source, excuse: number, line: number): boolean {
  if (excuse === line) return true;
  const between = source.lines.slice(excuse - 1, line - 1);
  return excuse < line && between.every((text) => text.trim().startsWith("//"));
}
