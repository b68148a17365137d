/**
 * The JSON Schema of the file, for editors and other programs, generated from the zod schemas.
 */

import { z } from "zod";
import type { Path } from "./problem.ts";
import { FileSchema } from "./schema/file.ts";

/** The JSON Schema (draft 2020-12) of what is supported now. */
export function configJsonSchema() {
  const schema = z.toJSONSchema(FileSchema, { io: "input" });
  const { $schema, ...rest } = schema;
  return { $schema, title: "lintel configuration file", ...rest };
}

/** The JSON Schema as the text that ships in `config/`. */
export function schemaText(): string {
  return JSON.stringify(configJsonSchema(), null, 2) + "\n";
}

/** The keys that the map at `path` may have; none where it is not a map of fixed keys. */
export function keysAt(path: Path): string[] {
  fileSchema ??= configJsonSchema();
  let schemas = alternatives(fileSchema);
  for (const part of path) {
    schemas = schemas.flatMap((schema) => alternatives(below(schema, part)));
  }
  return schemas.flatMap((schema) =>
    isObject(schema.properties) ? Object.keys(schema.properties) : []
  );
}

function below(schema: Record<string, unknown>, part: string | number): unknown {
  if (typeof part === "number") return schema.items;
  const { properties, additionalProperties } = schema;
  return (isObject(properties) ? properties[part] : undefined) ?? additionalProperties;
}

function alternatives(schema: unknown): Record<string, unknown>[] {
  if (!isObject(schema)) return [];
  return Array.isArray(schema.anyOf) ? schema.anyOf.flatMap(alternatives) : [schema];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Made once, and only when a key must be explained. */
let fileSchema: ReturnType<typeof configJsonSchema> | undefined;
