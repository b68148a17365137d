import { describe, expect, it } from "vitest";
import { configJsonSchema, keysAt, schemaText } from "../../../src/config/json_schema.ts";

describe("schemaText", () => {
  it("is what config/lintel.schema.json holds (else run: deno task schema)", () => {
    const file = new URL("../../../config/lintel.schema.json", import.meta.url);
    expect(Deno.readTextFileSync(file)).toBe(schemaText());
  });
});

describe("configJsonSchema", () => {
  it("refuses unknown keys and describes every known one", () => {
    const undescribed: string[] = [];
    visit(configJsonSchema(), "");
    expect(undescribed).toEqual([]);

    function visit(schema: unknown, path: string): void {
      if (typeof schema !== "object" || schema === null) return;
      if ("properties" in schema) expect(schema).toHaveProperty("additionalProperties", false);
      for (const [key, inner] of Object.entries(schema)) {
        if (key !== "properties") visit(inner, path);
        else {
          for (const [name, value] of Object.entries<Record<string, unknown>>(inner)) {
            if (!value.description) undescribed.push(`${path}.${name}`);
            visit(value, `${path}.${name}`);
          }
        }
      }
    }
  });
});

describe("keysAt", () => {
  it("looks through names and alternatives", () => {
    expect(keysAt(["backends", "any", "check"])).toContain("fastInterval");
    expect(keysAt(["backends", "any", "servers", "one"])).toContain("weight");
    expect(keysAt(["admin", "tokens", 3])).toEqual(["name", "role", "secret"]);
    expect(keysAt(["log", "level"])).toEqual([]);
  });
});
