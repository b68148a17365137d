/**
 * `/openapi.json` for tests: its operations, and whether an answer is what it says.
 */

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";

/** One parameter of an operation. */
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: Schema;
}

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

/** A method of a path. */
export interface Operation {
  /** `GET`, `PATCH`, … */
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** Schemas of the request's body by type; empty where there is none. */
  readonly bodies: Content;
  readonly responses: Readonly<
    Record<
      string,
      { readonly content?: Content; readonly headers?: Readonly<Record<string, HeaderObject>> }
    >
  >;
}

interface HeaderObject {
  readonly required?: boolean;
}

interface PathItem {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Operation["responses"];
}

/** As much of the document as is read here. */
export interface DocumentText {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, PathItem>>>>;
}

/** What came back. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The document, once read. */
export class ApiDocument {
  readonly operations: readonly Operation[];
  readonly #schemas: Readonly<Record<string, Schema>>;
  readonly #ajv: Ajv2020;

  constructor(document: DocumentText) {
    this.#schemas = document.components.schemas;
    // A union of types is what nullable is written as.
    this.#ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
    formats.default(this.#ajv);
    this.#ajv.addSchema({ $id: "lintel:document", $defs: relinked(this.#schemas) });
    this.operations = Object.entries(document.paths)
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, item]) => ({
          method: method.toUpperCase(),
          path,
          parameters: item.parameters ?? [],
          bodies: item.requestBody?.content ?? {},
          responses: item.responses,
        }))
      );
  }

  /** The operation that answers for a path as it was asked for; `undefined` where none does. */
  find(method: string, pathname: string): Operation | undefined {
    const matches = this.operations.filter((one) => one.method === method)
      .filter(({ path }) => {
        const pattern = path.replaceAll(/[.;]/g, "\\$&").replaceAll(/{\w+}/g, "[^/]+");
        return new RegExp(`^${pattern}$`).test(pathname);
      });
    return matches.sort((left, right) => names(left) - names(right))[0];
  }

  /** The schema itself, if it is a reference. */
  resolve(schema: Schema): Schema {
    const name = /^#\/components\/schemas\/(.+)$/.exec(String(schema.$ref))?.[1];
    return name === undefined ? schema : this.#schemas[name] ?? {};
  }

  /** Compiles every schema; throws for one that is none. */
  compileAll(): number {
    const contents = this.operations.flatMap(({ bodies, responses }) => [
      bodies,
      ...Object.values(responses).map(({ content }) => content ?? {}),
    ]);
    const schemas = [
      ...contents.flatMap((content) => Object.values(content).map(({ schema }) => schema)),
      ...this.operations.flatMap(({ parameters }) => parameters.map(({ schema }) => schema)),
    ];
    schemas.forEach((schema) => this.#validator(schema));
    return schemas.length;
  }

  /** What is other than the document says; empty where nothing is. */
  mismatches(operation: Operation, { status, headers, text }: Answered): string[] {
    const response = operation.responses[status];
    if (!response) return [`the status ${status} is not in the document: ${text.slice(0, 300)}`];
    const missing = Object.entries(response.headers ?? {})
      .filter(([name, { required }]) => required && !headers.has(name))
      .map(([name]) => `${status} without ${name}`);
    const type = headers.get("content-type")?.split(";")[0] ?? "";
    const content = response.content?.[type];
    if (!content) return [...missing, `${status} has the type "${type}"`];
    if (!type.endsWith("json")) return missing;
    const validate = this.#validator(content.schema);
    if (validate(JSON.parse(text))) return missing;
    return [...missing, `${status}: ${this.#ajv.errorsText(validate.errors)}`];
  }

  readonly #compiled = new Map<string, ValidateFunction>();

  #validator(schema: Schema): ValidateFunction {
    const text = JSON.stringify(schema);
    const known = this.#compiled.get(text);
    if (known) return known;
    const compiled = this.#ajv.compile(relinked(schema));
    this.#compiled.set(text, compiled);
    return compiled;
  }
}

/** The same with references to where ajv has the document's schemas. */
function relinked<Value extends object>(value: Value): Value {
  const text = JSON.stringify(value);
  return JSON.parse(text.replaceAll('"#/components/schemas/', '"lintel:document#/$defs/'));
}

function names({ path }: Operation): number {
  return path.split("{").length;
}
