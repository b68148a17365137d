/**
 * Collects what is wrong with one file. A value that is wrong in itself is reported once: what
 * other values would only say because of it is left out.
 */

import { formatPath, type Path, type Problem } from "./problem.ts";
import { keyPlaceOf, nodeAt, type Place, placeOf, type TreeNode } from "./tree.ts";

/** The problems and warnings of one tree. */
export class Report {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly file: string;
  readonly tree: TreeNode;
  readonly #broken: Path[] = [];

  constructor(file: string, tree: TreeNode) {
    this.file = file;
    this.tree = tree;
  }

  /**
   * Reports a problem with the value at `path`.
   *
   * @param uses further values that the judgement rests on.
   */
  problem(path: Path, message: string, uses: readonly Path[] = []): void {
    if (this.#isBroken(path, uses)) return;
    this.problems.push(this.locate(path, message));
  }

  /** Reports a problem with a key itself. */
  keyProblem(path: Path, message: string): void {
    this.problems.push(this.#at(keyPlaceOf(this.tree, path), path, message));
  }

  /**
   * Reports something that works but is probably not meant.
   *
   * @param uses further values that the judgement rests on.
   */
  warn(path: Path, message: string, uses: readonly Path[] = []): void {
    if (this.#isBroken(path, uses)) return;
    this.warnings.push(this.#at(keyPlaceOf(this.tree, path), path, message));
  }

  /** A problem at the place of a path, without reporting it. */
  locate(path: Path, message: string): Problem {
    return this.#at(placeOf(this.tree, path), path, message);
  }

  /** Marks a value that has been reported: what rests on it is not judged. */
  break(path: Path): void {
    this.#broken.push(path);
  }

  /** Whether the file has something at `path`. */
  given(path: Path): boolean {
    return nodeAt(this.tree, path) !== undefined;
  }

  #isBroken(path: Path, uses: readonly Path[]): boolean {
    return this.#broken.some((broken) =>
      startsWith(path, broken) ||
      uses.some((used) => startsWith(used, broken) || startsWith(broken, used))
    );
  }

  #at(place: Place, path: Path, message: string): Problem {
    return { file: this.file, ...place, path: formatPath(path), message };
  }
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((part, at) => part === path[at]);
}
