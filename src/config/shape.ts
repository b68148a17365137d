/**
 * Checks each value of a file by itself: keys, types, units, ranges. What is wrong is reported and
 * replaced, so that the rest can still be judged. What values mean together is the compiler's.
 */

import type { z } from "zod";
import { keysAt } from "./json_schema.ts";
import { laterAt } from "./later.ts";
import { nearest } from "./nearest.ts";
import type { Path } from "./problem.ts";
import type { Report } from "./report.ts";
import { type Config, FileSchema } from "./schema/file.ts";
import { nodeAt, toValue, type Value } from "./tree.ts";

/** Reads the tree of `report` as a file; what cannot be read is reported and left out. */
export function readShape(report: Report): Config {
  let value = toValue(report.tree);
  let issues = issuesOf(value);
  // A plain number is taken as it is written where text is expected: `0123` stays "0123".
  for (let numbers = numbersAsText(report, issues); numbers.length > 0;) {
    for (const path of numbers) value = replaceAt(value, path, writtenAt(report, path));
    issues = issuesOf(value);
    numbers = numbersAsText(report, issues).filter((path) =>
      typeof valueAt(value, path) === "number"
    );
  }
  const paths = new Set<string>();
  for (const issue of issues) {
    const key = JSON.stringify([issue.path, issue.code === "unrecognized_keys"]);
    // Several rules may refuse one value, all with the same words.
    if (!paths.has(key)) explain(report, issue);
    paths.add(key);
  }
  while (issues.length > 0) {
    const repaired = new Set<string>();
    for (const issue of issues) {
      const target = JSON.stringify(repairTarget(issue.path));
      if (issue.keys.length > 0 || !repaired.has(target)) value = repair(report, value, issue);
      repaired.add(target);
    }
    issues = issuesOf(value);
  }
  return FileSchema.parse(value);
}

/** What a message may say of the value at a path. */
export function foundAt(report: Report, path: Path): string {
  const node = nodeAt(report.tree, path);
  if (node === undefined) return "nothing";
  if (node.kind === "map") return node.entries.size === 0 ? "an empty map" : "a map";
  if (node.kind === "list") return node.items.length === 0 ? "an empty list" : "a list";
  if (node.value === null) return "nothing";
  if (isSecret(path)) return "a value that is not shown here";
  const { shown } = node;
  const text = shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}…` : shown;
  return typeof node.value === "string" ? JSON.stringify(text) : text;
}

interface Issue {
  readonly code: string;
  readonly path: Path;
  /** What is allowed. */
  readonly message: string;
  readonly keys: readonly string[];
  readonly expectsText: boolean;
}

function issuesOf(value: Value): Issue[] {
  const result = FileSchema.safeParse(value);
  return result.success ? [] : result.error.issues.flatMap((issue) => flatten(issue, value, []));
}

/** Of the alternatives of a union, the one that the user was writing speaks. */
function flatten(issue: z.core.$ZodIssue, value: Value, prefix: Path): Issue[] {
  const path = [
    ...prefix,
    ...issue.path.map((part) => typeof part === "number" ? part : String(part)),
  ];
  const plain = { code: issue.code, path, message: issue.message, keys: [], expectsText: false };
  if (issue.code === "invalid_union") {
    const meant = issue.errors.find((option) => !option.some(refusesKind));
    if (meant && typeof valueAt(value, path) === "object") {
      return meant.flatMap((inner) => flatten(inner, value, path));
    }
    return [{ ...plain, expectsText: issue.errors.flat().some(wantsText) }];
  }
  if (issue.code === "unrecognized_keys") return [{ ...plain, keys: issue.keys }];
  return [{ ...plain, expectsText: wantsText({ ...issue, path: [] }) }];
}

function refusesKind(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 &&
    ["invalid_type", "invalid_value", "invalid_union"].includes(issue.code);
}

function wantsText(issue: z.core.$ZodIssue): boolean {
  return issue.code === "invalid_type" && issue.expected === "string" && issue.path.length === 0;
}

function numbersAsText(report: Report, issues: readonly Issue[]): Path[] {
  return issues.filter(({ expectsText }) => expectsText).map(({ path }) => path).filter((path) => {
    const node = nodeAt(report.tree, path);
    return node?.kind === "scalar" && typeof node.value === "number";
  });
}

function writtenAt(report: Report, path: Path): Value {
  const node = nodeAt(report.tree, path);
  return node?.kind === "scalar" ? node.written : null;
}

function explain(report: Report, { code, path, message, keys }: Issue): void {
  if (code === "unrecognized_keys") {
    for (const key of keys) report.keyProblem([...path, key], unknownKey(path, key));
  } else if (code === "invalid_key") {
    const found = JSON.stringify(path[path.length - 1]);
    report.keyProblem(path, `found ${found}; allowed: ${NAME}`);
  } else if (!report.given(path)) {
    report.keyProblem(path, `missing; required: ${message}`);
  } else {
    report.problem(path, wrongValue(report, path, message));
  }
}

function unknownKey(path: Path, key: string): string {
  if (laterAt(path).includes(key)) return "not supported yet: leave this key out";
  const known = keysAt(path);
  const meant = nearest(key, known);
  const hint = meant === undefined ? "" : ` did you mean ${meant}?`;
  return `unknown key;${hint} allowed: ${known.join(", ")}`;
}

function wrongValue(report: Report, path: Path, allowed: string): string {
  const node = nodeAt(report.tree, path);
  const found = foundAt(report, path);
  const text = node?.kind === "scalar" ? String(node.value) : "";
  const meant = /^[A-Za-z0-9-]+(?:, [A-Za-z0-9-]+)+$/.test(allowed)
    ? nearest(text, allowed.split(", "))
    : undefined;
  const hint = meant === undefined || isSecret(path) ? "" : `; did you mean ${meant}?`;
  return `found ${found}; allowed: ${allowed}${hint}`;
}

/** Takes a wrong value out, or puts a harmless one in its place where one is required. */
function repair(report: Report, value: Value, { code, path, keys }: Issue): Value {
  if (code === "unrecognized_keys") {
    return keys.reduce((rest, key) => {
      report.break([...path, key]);
      return replaceAt(rest, [...path, key], undefined);
    }, value);
  }
  const target = repairTarget(path);
  report.break(target);
  const present = valueAt(value, target) !== undefined;
  const standIn = STAND_INS.find(([key]) => key === target[target.length - 1])?.[1];
  if (standIn !== undefined && JSON.stringify(valueAt(value, target)) !== JSON.stringify(standIn)) {
    return replaceAt(value, target, standIn);
  }
  return replaceAt(value, present ? target : target.slice(0, -1), undefined);
}

/** Taking one item out of a list would move the others: the list goes as a whole. */
function repairTarget(path: Path): Path {
  const item = path.findIndex((part) => typeof part === "number");
  return item < 0 ? path : path.slice(0, item);
}

function valueAt(value: Value, path: Path): Value | undefined {
  let at: Value | undefined = value;
  for (const part of path) {
    if (Array.isArray(at)) at = typeof part === "number" ? at[part] : undefined;
    else {at = typeof at === "object" && at !== null && Object.hasOwn(at, part)
        ? at[part]
        : undefined;}
  }
  return at;
}

/** A copy with another value at a path; `undefined` takes it out. */
function replaceAt(value: Value, path: Path, replacement: Value | undefined): Value {
  const [first, ...rest] = path;
  if (first === undefined) return replacement ?? {};
  if (Array.isArray(value)) {
    return value.map((item, at) => at === first ? replaceAt(item, rest, replacement) : item);
  }
  if (typeof value !== "object" || value === null) return value;
  const { [first]: old, ...others } = value;
  if (rest.length === 0) {
    return replacement === undefined ? others : { ...others, [first]: replacement };
  }
  return old === undefined ? value : { ...value, [first]: replaceAt(old, rest, replacement) };
}

function isSecret(path: Path): boolean {
  return path.some((part) => SECRETS.some((key) => key === part));
}

const LONGEST_SHOWN = 60;

/** Keys whose value may be a secret, also where it is no text at all. */
const SECRETS = ["secret", "authentication", "webhook", "token"];

const NAME = "a name: letters, digits, '.', '_' and '-', a letter or digit first, 63 at most";

/** Valid values for required keys, by key: they are never judged, nor is what rests on them. */
const STAND_INS: readonly (readonly [key: string, value: Value])[] = [
  ["vrid", 1],
  ["addresses", ["192.0.2.1"]],
  ["listen", "192.0.2.1:1"],
  ["address", "192.0.2.1:1"],
  ["peers", ["192.0.2.1"]],
];
