/**
 * What is wrong with a configuration file, and where. Knows nothing of YAML, schemas or exit codes.
 */

/** Keys and list positions from the root of the file to a value. */
export type Path = readonly (string | number)[];

/** One thing that is wrong, at its place in the file. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** `backends.web.check.type`, empty for the file as a whole. */
  readonly path: string;
  /** What was found, what is allowed, and the remedy. */
  readonly message: string;
}

/** Writes a problem as one line: `file:line:column: path: message`. */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  const place = `${file}:${line}:${column}: `;
  return path === "" ? place + message : `${place}${path}: ${message}`;
}

/** Writes a path as people read it: `virtualRouters.api.addresses[1]`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** Orders problems by their place and drops those that say the same at the same place. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const distinct = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  return [...distinct.values()].sort((left, right) =>
    left.line - right.line || left.column - right.column
  );
}
