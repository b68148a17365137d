/**
 * The tree's own source, read for the house's rules: each file parsed once, each finding with its
 * place.
 */

import ts from "typescript";

/** One source file. */
export interface Source {
  /** From the root of the repository, such as `src/core/net/mac.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly tree: ts.SourceFile;
}

/** An import as it is written, with the file it means; `target` is absent for packages. */
export interface Import {
  readonly from: Source;
  readonly line: number;
  readonly specifier: string;
  readonly target?: string;
  /** Only types: nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

/** All TypeScript files below a folder (or the file itself), in order. */
export function sources(...paths: readonly string[]): Source[] {
  return paths.flatMap((path) => filesBelow(path)).sort().map(read);
}

/** The imports of a file, dynamic ones too. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  for (const node of nodes(source)) {
    const specifier = specifierOf(node);
    if (!specifier) continue;
    const target = specifier.startsWith(".") ? resolve(source.path, specifier) : undefined;
    const typeOnly = ts.isImportDeclaration(node) && node.importClause?.isTypeOnly === true;
    const line = lineOf(source, node);
    found.push({ from: source, line, specifier, ...(target && { target }), typeOnly });
  }
  return found;
}

/** Every node of a file, outer ones first. */
export function* nodes(source: Source): Generator<ts.Node> {
  const pending: ts.Node[] = [source.tree];
  for (let node = pending.pop(); node; node = pending.pop()) {
    yield node;
    pending.push(...node.getChildren(source.tree).toReversed());
  }
}

/** The line on which a node begins, counted from 1. */
export function lineOf(source: Source, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line + 1;
}

/** How many lines a node takes. */
export function lengthOf(source: Source, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(source, node);
}

/** Whether anything of a file is left at run time. */
export function isOnlyTypes(source: Source): boolean {
  return source.tree.statements.every((statement) =>
    ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) ||
    ts.isImportDeclaration(statement)
  );
}

/** Whether a file or folder is there. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(ROOT + path);
    return true;
  } catch {
    return false;
  }
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const specifier = node.moduleSpecifier;
    return specifier && ts.isStringLiteral(specifier) ? specifier.text : undefined;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments;
    return specifier && ts.isStringLiteralLike(specifier) ? specifier.text : undefined;
  }
  return undefined;
}

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function read(path: string): Source {
  const text = Deno.readTextFileSync(ROOT + path);
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return { path, text, lines: text.split("\n"), tree };
}

function filesBelow(path: string): string[] {
  if (!exists(path)) return [];
  if (Deno.statSync(ROOT + path).isFile) return [path];
  return [...Deno.readDirSync(ROOT + path)].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return filesBelow(`${path}/${name}`);
    return name.endsWith(".ts") ? [`${path}/${name}`] : [];
  });
}

const ROOT = new URL("../../", import.meta.url).pathname;
