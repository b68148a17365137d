/**
 * What all parts of the compiler are given.
 */

import { createHash } from "node:crypto";
import type { FullConfig } from "./defaults.ts";
import { nearest } from "./nearest.ts";
import type { Path } from "./problem.ts";
import type { Report } from "./report.ts";
import { nodeAt } from "./tree.ts";

/** One file, for one node. */
export interface Compilation {
  readonly config: FullConfig;
  /** The file as each node sees it, with its own overrides; `config` is one of them. */
  readonly configs: ReadonlyMap<string, FullConfig>;
  readonly report: Report;
  /** The node that the plan is for. */
  readonly node: string;
  /** Reads secrets and authorities; throws what the message shall say. */
  readonly readFile: (path: string) => string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly hash: string;
}

/**
 * The value of a secret, which is written as it is or as `file:/path`; empty where it cannot be
 * read, which is reported.
 */
export function readSecret({ report, readFile }: Compilation, path: Path, written: string): string {
  if (!written.startsWith("file:")) return written;
  const file = written.slice("file:".length);
  try {
    const content = readFile(file).trim();
    if (content !== "") return content;
    report.problem(path, `the file ${file} is empty: it should hold the secret`);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    report.problem(path, `cannot read ${file}: ${cause}`);
  }
  return "";
}

/**
 * The PEM text of a file: a private key where the path ends in `key`, else certificates; what is
 * wrong with it is reported.
 */
export function readPem(
  { report, readFile }: Compilation,
  path: Path,
  file: string,
): string | undefined {
  const isKey = path.at(-1) === "key";
  try {
    const pem = readFile(file);
    if ((isKey ? PRIVATE_KEY : CERTIFICATE).test(pem)) return pem;
    report.problem(path, `${file} holds no ${isKey ? "private key" : "certificate"} in PEM form`);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    report.problem(path, `cannot read ${file}: ${cause}`);
  }
  return undefined;
}

/** Says that the file's map `key` has no `name`, and what it has. */
export function unknownName(
  { report }: Pick<Compilation, "report">,
  kind: string,
  key: string,
  name: string,
): string {
  const map = nodeAt(report.tree, [key]);
  const names = map?.kind === "map" ? [...map.entries.keys()] : [];
  const meant = nearest(name, names);
  if (meant !== undefined) return `there is no ${kind} "${name}"; did you mean ${meant}?`;
  const all = names.length > 0 ? `${key} has ${names.join(", ")}` : `${key} is empty`;
  return `there is no ${kind} "${name}": ${all}`;
}

/** SHA-256 of a text, in hexadecimal. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----/;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
