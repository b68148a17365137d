/**
 * YAML 1.2 text becomes a tree with places. Stricter than YAML: no aliases, no tags, booleans are
 * `true` and `false` only, and a listener that needs quotes is told so at its place.
 */

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { formatPath, type Path, type Problem } from "./problem.ts";
import type { Entry, Place, ScalarNode, TreeNode } from "./tree.ts";

/**
 * The tree of a file, absent where its text cannot be understood, and what is wrong with the
 * text.
 */
export interface ReadYaml {
  readonly tree: TreeNode | undefined;
  readonly problems: readonly Problem[];
  /** Values that have been reported and mean nothing. */
  readonly unusable: readonly Path[];
}

/** Reads one YAML document. */
export function readYaml(text: string, file: string): ReadYaml {
  const lines = new LineCounter();
  const reader = new Reader(text, file, lines);
  let document = parse(text, lines);
  // What only lacks quotes is reported and read as if it had them, so that the rest is judged too.
  let readable = text;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = reader.quoteAll(readable, document.errors);
    if (next === readable) break;
    readable = next;
    document = parse(readable, new LineCounter());
  }
  for (const error of [...document.errors, ...document.warnings]) reader.syntax(error);
  const { problems, unusable } = reader;
  if (document.errors.some((error) => error.code !== "DUPLICATE_KEY")) {
    return { tree: undefined, problems, unusable };
  }
  if (document.contents === null) reader.problem(0, [], "the file is empty");
  else if (!isMap(document.contents)) reader.problem(0, [], "the file is not a map of keys");
  else return { tree: reader.node(document.contents, []), problems, unusable };
  return { tree: undefined, problems, unusable };
}

/** A scalar as YAML 1.2's core schema reads unquoted text, but for the spellings of booleans. */
export function plainScalar(source: string): string | number | boolean | null {
  if (/^(?:|~|null|Null|NULL)$/.test(source)) return null;
  if (source === "true" || source === "false") return source === "true";
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(source)) return Number(source);
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(source)) return Number(source);
  return source;
}

function parse(text: string, lineCounter: LineCounter) {
  return parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    version: "1.2",
    schema: "core",
    strict: true,
    uniqueKeys: true,
  });
}

/** Walks a parsed document once. */
class Reader {
  readonly problems: Problem[] = [];
  readonly unusable: Path[] = [];
  readonly #text: string;
  readonly #file: string;
  readonly #lines: LineCounter;

  constructor(text: string, file: string, lines: LineCounter) {
    this.#text = text;
    this.#file = file;
    this.#lines = lines;
  }

  problem(offset: number, path: Path, message: string): void {
    const place = this.#place(offset);
    this.problems.push({ file: this.#file, ...place, path: formatPath(path), message });
  }

  /** A text of equal length where what lacks quotes can be parsed as text. */
  quoteAll(readable: string, errors: readonly YAMLError[]): string {
    for (const { pos: [at] } of errors) {
      const listener = this.#unquotedListener(readable, at);
      const start = listener ?? (readable.slice(at - 1, at + 1) === "${" ? at - 1 : undefined);
      if (start === undefined) continue;
      const length = listener === undefined
        ? /^\$\{[^}\n]*\}?/.exec(readable.slice(start))?.[0].length ?? 2
        : this.#listenerAt(start).length;
      if (listener !== undefined) this.problem(start, [], this.#quote(start));
      else this.problem(start, [], `quote this: inside { } or [ ] write "\${NAME}"`);
      readable = readable.slice(0, start) + "_".repeat(length) + readable.slice(start + length);
    }
    return readable;
  }

  /** Says what the parser could not understand, in words that help. */
  syntax({ code, message, pos: [at] }: YAMLError): void {
    // One mistake often gives a train of errors on its line: the first one tells.
    const { line } = this.#place(at);
    if (this.problems.some((problem) => problem.line === line)) return;
    this.problem(at, [], SYNTAX[code] ?? message);
  }

  node(node: ParsedNode | null, path: Path): TreeNode {
    if (isMap(node)) return this.#map(node, path);
    if (isSeq(node)) {
      const items = node.items.map((item, at) => {
        const quoted = this.#listenerInList(item, [...path, at]);
        return quoted ?? this.node(item, [...path, at]);
      });
      return { kind: "list", place: this.#place(node.range[0]), items };
    }
    if (isAlias(node)) return this.#alias(node.range[0], node.source, path);
    return this.#scalar(node, path);
  }

  #map(map: YAMLMap.Parsed, path: Path): TreeNode {
    const entries = new Map<string, Entry>();
    for (const { key, value } of map.items) {
      const at = key?.range[0] ?? map.range[0];
      if (!isScalar(key) || key.source === "" || key.source === "__proto__") {
        this.problem(at, path, "a key is a word: quote it if it is meant as text");
        continue;
      }
      const name = key.source;
      // The first of two equal keys counts; the parser has reported the second.
      if (entries.has(name)) continue;
      const place = this.#place(at);
      entries.set(name, {
        place,
        value: value === null ? nothing(place) : this.node(value, [...path, name]),
      });
    }
    return { kind: "map", place: this.#place(map.range[0]), entries };
  }

  #scalar(node: ParsedNode | null, path: Path): ScalarNode {
    if (!isScalar(node)) return nothing(this.#place(0));
    const place = this.#place(node.range[0]);
    if (node.tag !== undefined) {
      this.problem(node.range[0], path, `tags such as ${node.tag} are not supported: leave it out`);
    }
    const written = this.#written(node);
    const value = node.type === "PLAIN" ? plainScalar(written) : String(node.value);
    return { kind: "scalar", place, value, written, shown: written };
  }

  /** What stands in the file, also where the parser was shown something it can read. */
  #written({ type, source, range: [from, to] }: Scalar.Parsed): string {
    const text = this.#text.slice(from, to);
    return type === "PLAIN" && !text.includes("\n") ? text : source;
  }

  /** `*:6443` is an alias to YAML. */
  #alias(offset: number, source: string, path: Path): ScalarNode {
    const text = `*${source}`;
    const listener = source.startsWith(":");
    if (!listener) this.unusable.push(path);
    const message = listener
      ? this.#quote(offset)
      : "a value that begins with * is an alias, which is not supported: quote it, or write it out";
    this.problem(offset, path, message);
    return { kind: "scalar", place: this.#place(offset), value: text, written: text, shown: text };
  }

  /** `[::]:6443` in a flow list is, to YAML, a map whose key is a list. */
  #listenerInList(item: ParsedNode | null, path: Path): ScalarNode | undefined {
    if (!isMap(item) || item.items.length !== 1 || !isSeq(item.items[0]?.key)) return undefined;
    const at = item.range[0];
    this.problem(at, path, this.#quote(at));
    const text = this.#listenerAt(at);
    return { kind: "scalar", place: this.#place(at), value: text, written: text, shown: text };
  }

  /** Where an unquoted `[…]:port` begins that ended in a syntax error at `offset`. */
  #unquotedListener(text: string, offset: number): number | undefined {
    const start = text.lastIndexOf("\n", offset - 1) + 1;
    const before = /\[[^\][]*\]$/.exec(text.slice(start, offset));
    return before && text[offset] === ":" ? start + before.index : undefined;
  }

  #quote(offset: number): string {
    const text = this.#listenerAt(offset);
    // Only what looks like a listener is repeated: anything else might be a secret.
    const quoted = /:\d{1,5}(?:-\d{1,5})?(?:\/udp)?$/.test(text) ? `: "${text}"` : "";
    return `quote this${quoted} (without quotes it means something else in YAML)`;
  }

  #listenerAt(offset: number): string {
    return /^(?:\[[^\]]*\])?[^\s,\]}#]*/.exec(this.#text.slice(offset))?.[0] ?? "";
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

function nothing(place: Place): ScalarNode {
  return { kind: "scalar", place, value: null, written: "", shown: "" };
}

const SYNTAX: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "this key stands here a second time: remove one of the two",
  TAB_AS_INDENT: "a tab indents this line: YAML is indented with spaces only",
  MULTIPLE_DOCS: "a second document begins here (---): one file holds one document",
  MISSING_CHAR: "a quote or a bracket was opened before this place and is not closed",
  TAG_RESOLVE_FAILED: "this tag is not supported: leave it out",
  BLOCK_AS_IMPLICIT_KEY: "a second key on one line: put it on a line of its own, or quote the text",
};

/** Each round reads past at least one value that lacks quotes. */
const MOST_ROUNDS = 50;
