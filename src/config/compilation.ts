/**
 * What all parts of the compiler are given.
 */

import { createHash } from "node:crypto";
import type { FullConfig } from "./defaults.ts";
import type { Report } from "./report.ts";

/** One file, for one node. */
export interface Compilation {
  readonly config: FullConfig;
  readonly report: Report;
  /** The node that the plan is for. */
  readonly node: string;
  /** Reads secrets and authorities; throws what the message shall say. */
  readonly readFile: (path: string) => string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly hash: string;
}

/** SHA-256 of a text, in hexadecimal. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
