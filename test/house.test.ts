/**
 * The rules of this house, executable. Where one does not fit, `// house: RULE: why` on the line in
 * question or above it is an exception; the rule's name is the title of its test.
 */

import ts from "typescript";
import { describe, expect, it } from "vitest";
import { type Finding, unexcused } from "./house/findings.ts";
import {
  exists,
  type Import,
  importsOf,
  isOnlyTypes,
  lengthOf,
  lineOf,
  nodes,
  type Source,
  sources,
} from "./house/source.ts";

/**
 * Who may import whom: each folder of the tree and what it may see beside itself. Packages are
 * named with their colon; `node:` is any built-in module. An edge that is not here does not exist.
 *
 * core ← config, memory, linux ← speaker, dataplane, prober, journal ← metrics, admin ← cli,
 * appliance
 */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  "src/core/net": [],
  "src/core/health": [],
  "src/core/balance": ["src/core/net", "src/core/plan"],
  "src/core/plan": ["src/core/net", "src/core/wire"],
  "src/core/route": [],
  "src/core/text": [],
  "src/core/track": ["src/core/plan"],
  "src/core/wire": ["src/core/net"],
  "src/core/vrrp": ["src/core/net", "src/core/wire"],
  "src/memory": [],
  "src/linux": ["src/core"],
  "src/config": ["src/core", "npm:zod", "npm:yaml", "node:"],
  "src/speaker": ["src/core", "src/memory", "src/linux"],
  "src/dataplane": ["src/core", "src/memory", "src/linux"],
  "src/prober": ["src/core", "src/memory", "src/linux", "node:"],
  "src/journal": ["src/core", "node:"],
  "src/metrics": ["src/core", "src/memory", "npm:prom-client"],
  "src/admin": ["src/core", "src/config", "npm:hono", "npm:@hono/zod-openapi", "npm:zod", "node:"],
  "src/cli": ["src/core", "src/config", "src/admin", "src/linux", "src/appliance", "npm:commander"],
  "src/appliance": ["src", "npm:@logtape/logtape", "node:", "deno.json"],
  "mod.ts": ["src/cli", "src/appliance"],
};

/** Types and brands that a value may be taken for: a brand has no other way in. */
const CASTS = ["const", "Fd", "Row", "Slot"];

const MAX_LINES = 400;
const MAX_FUNCTION_LINES = 70;
const MAX_COLUMNS = 100;

const src = sources("src", "mod.ts");
const core = sources("src/core");
const scripts = sources("scripts");
const tests = sources("test");
const virtualTime = sources("test/unit", "test/conformance", "test/simulation", "test/config");
const ours = [...src, ...scripts, ...tests];

describe("the tree", () => {
  rule("imports", src, function* (source) {
    const folder = folderOf(source.path);
    if (!folder) yield at(source, 0, "this folder is not in the table of imports");
    for (const one of importsOf(source)) {
      const target = nameOf(one);
      const allowed = folder ? [folder, ...IMPORTS[folder]!] : [];
      if (!allowed.some((name) => within(target, name))) {
        yield at(source, one.line, `${folder} may not import ${target}`);
      }
    }
  });

  rule("worker-packages", src, function* (source) {
    if (!/^src\/\w+\/worker\.ts$/.test(source.path)) return;
    for (const one of reachable(source)) {
      if (one.target || one.specifier.startsWith("node:")) continue;
      yield at(one.from, one.line, `${source.path} must not load the package ${one.specifier}`);
    }
  });

  rule("no-barrels", src, function* (source) {
    for (const node of nodes(source)) {
      if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
        yield at(source, lineOf(source, node), "import the file that defines the thing");
      }
    }
  });

  rule("file-names", ours, function* (source) {
    const name = source.path.split("/").at(-1)!;
    if (!/^_?[a-z0-9]+(_[a-z0-9]+)*(\.test|\.config)?\.ts$/.test(name)) {
      yield at(source, 0, "file names are snake_case");
    }
  });

  rule("unit-test", sources("src/core", "src/config", "src/memory"), function* (source) {
    const test = source.path.replace("src/", "test/unit/").replace(/\.ts$/, ".test.ts");
    if (!isOnlyTypes(source) && !exists(test)) yield at(source, 0, `there is no ${test}`);
  });
});

describe("sizes", () => {
  rule("file-length", [...src, ...scripts], function* (source) {
    const length = source.lines.length - 1;
    if (length > MAX_LINES) yield at(source, 0, `${length} lines; ${MAX_LINES} are the limit`);
  });

  rule("function-length", [...src, ...scripts], function* (source) {
    for (const node of nodes(source)) {
      const length = ts.isFunctionLike(node) ? lengthOf(source, node) : 0;
      if (length <= MAX_FUNCTION_LINES) continue;
      yield at(
        source,
        lineOf(source, node),
        `${length} lines; ${MAX_FUNCTION_LINES} are the limit`,
      );
    }
  });

  rule("columns", ours, function* (source) {
    for (const [index, line] of source.lines.entries()) {
      if ([...line].length > MAX_COLUMNS) {
        yield at(source, index + 1, `${line.length} columns; ${MAX_COLUMNS} are the limit`);
      }
    }
  });
});

describe("bans", () => {
  rule("any", ours, function* (source) {
    for (const node of nodes(source)) {
      if (node.kind === ts.SyntaxKind.AnyKeyword) yield at(source, lineOf(source, node), "any");
    }
  });

  rule("as", outside(src, "src/linux", "src/memory"), function* (source) {
    for (const node of nodes(source)) {
      if (!ts.isAsExpression(node)) continue;
      const type = node.type.getText(source.tree);
      if (CASTS.includes(type)) continue;
      yield at(source, lineOf(source, node.type), `as ${type}: check the value instead`);
    }
  });

  rule("non-null", outside(src, "src/linux", "src/memory"), function* (source) {
    for (const node of nodes(source)) {
      if (!ts.isNonNullExpression(node) || ts.isElementAccessExpression(node.expression)) continue;
      yield at(source, lineOf(source, node), `${node.getText(source.tree)}: check it instead`);
    }
  });

  rule("unfinished", ours, function* (source) {
    for (const [index, line] of source.lines.entries()) {
      if (UNFINISHED.test(line)) yield at(source, index + 1, line.trim());
    }
  });

  rule("console", src, banned(/^console$/, "report it to the appliance, or take a log"));

  rule("dlopen", outside(src, "src/linux/libc.ts"), banned(/^dlopen$/, "src/linux/libc.ts has it"));

  rule("pure-core", core, banned(IMPURE, "core knows no world outside"));

  rule(
    "virtual-time",
    virtualTime,
    banned(/^(setTimeout|setInterval|delay)$/, "never sleep"),
  );

  rule("every-test-runs", tests, function* (source) {
    for (const node of nodes(source)) {
      if (!ts.isPropertyAccessExpression(node)) continue;
      if (/^(it|test|describe)\.(skip|only|todo|fails)/.test(node.getText(source.tree))) {
        yield at(source, lineOf(source, node), node.getText(source.tree));
      }
    }
  });

  rule("words", src, function* (source) {
    for (const [index, line] of source.lines.entries()) {
      const word = WORDS.exec(line)?.[0];
      if (word) yield at(source, index + 1, `"${word}" is not a word of ours`);
    }
  });
});

describe("comments", () => {
  rule("module-comment", ours.filter(({ path }) => !path.endsWith(".test.ts")), function* (source) {
    if (!source.text.startsWith("/**")) {
      yield at(source, 0, "a module opens with what it is and what it refuses to do");
    }
  });

  rule("export-doc", [...src, ...scripts], function* (source) {
    for (const statement of source.tree.statements) {
      if (!isExported(statement) || speaksForItself(statement)) continue;
      if (ts.getJSDocCommentsAndTags(statement).length > 0) continue;
      yield at(source, lineOf(source, statement), "an export has a sentence of its own");
    }
  });
});

type Check = (source: Source) => Generator<Finding>;

function rule(name: string, files: readonly Source[], check: Check): void {
  it(name, () => {
    const findings = files.flatMap((source) => [...check(source)]);
    expect(unexcused(name, findings, files)).toEqual([]);
  });
}

function at(source: Source, line: number, what: string): Finding {
  return { source, line, what };
}

/** Finds names that are used, but neither properties' own names nor types. */
function banned(name: RegExp, instead: string): Check {
  return function* (source) {
    for (const node of nodes(source)) {
      const text = ts.isPropertyAccessExpression(node) ? node.getText(source.tree) : nameText(node);
      if (text && name.test(text)) yield at(source, lineOf(source, node), `${text}: ${instead}`);
    }
  };
}

function nameText(node: ts.Node): string | undefined {
  return ts.isIdentifier(node) && !ts.isPropertyAssignment(node.parent) ? node.text : undefined;
}

function isExported(statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
}

/** Numbers from headers and standards carry their own name; the type of a schema, the schema's. */
function speaksForItself(statement: ts.Statement): boolean {
  if (ts.isTypeAliasDeclaration(statement)) return /^z\.infer</.test(statement.type.getText());
  return ts.isVariableStatement(statement) &&
    statement.declarationList.declarations.every(({ name }) => /^[A-Z0-9_]+$/.test(name.getText()));
}

function folderOf(path: string): string | undefined {
  return Object.keys(IMPORTS).find((folder) => within(path, folder));
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(":") ? folder : `${folder}/`);
}

function nameOf({ target, specifier }: Import): string {
  if (target) return target;
  return specifier.startsWith("node:") ? specifier : `npm:${specifier}`;
}

function outside(files: readonly Source[], ...folders: string[]): Source[] {
  return files.filter(({ path }) => !folders.some((folder) => within(path, folder)));
}

/** All imports that a worker's bundle follows. */
function reachable(entry: Source): Import[] {
  const byPath = new Map(src.map((source) => [source.path, source]));
  const seen = new Set([entry]);
  for (const source of seen) {
    for (const { target, typeOnly } of importsOf(source)) {
      const next = target && !typeOnly ? byPath.get(target) : undefined;
      if (next) seen.add(next);
    }
  }
  return [...seen].flatMap((source) => importsOf(source).filter(({ typeOnly }) => !typeOnly));
}

const IMPURE =
  /^(Deno|Date|performance|crypto|fetch|setTimeout|setInterval|queueMicrotask|Math\.random)$/;
const UNFINISHED = new RegExp(["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|"));
const WORDS = /\b(master|slave|upstream)s?\b/i;
