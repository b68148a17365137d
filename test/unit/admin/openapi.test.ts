import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import { ApiDocument } from "./api_document.ts";
import { FakeAppliance } from "./fake_appliance.ts";

const app = createAdminApp(new FakeAppliance(), { kind: "socket" }, () => {});
const document = await (await app.request("/openapi.json")).json();

/** Every value in a JSON document, with the keys that lead there. */
function* walk(value: unknown, path = "#"): Generator<[path: string, value: unknown]> {
  yield [path, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* walk(inner, `${path}/${key}`);
}

const everything = new Map(walk(document));

describe("/openapi.json", () => {
  it("is OpenAPI 3.1 of this version", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(document.info).toMatchObject({ title: "lintel", version: "0.1.0" });
  });

  it("is valid by the specification's schema, and so is every schema in it", async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
    expect(new ApiDocument(document).compileAll()).toBeGreaterThan(100);
  });

  it("has every route", () => {
    const operations = Object.entries<object>(document.paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
    expect(operations.sort()).toEqual([
      "delete /v1/backends/{backend}/servers/{server}",
      "delete /v1/connections",
      "delete /v1/overrides",
      "delete /v1/overrides/{id}",
      "delete /v1/virtual-routers/{name}/hold",
      "get /active",
      "get /livez",
      "get /metrics",
      "get /openapi.json",
      "get /readyz",
      "get /stats;csv",
      "get /v1/backends",
      "get /v1/backends/{backend}/servers",
      "get /v1/backends/{backend}/servers/{server}",
      "get /v1/backends/{name}",
      "get /v1/config",
      "get /v1/connections",
      "get /v1/events",
      "get /v1/frontends",
      "get /v1/frontends/{name}",
      "get /v1/overrides",
      "get /v1/standby",
      "get /v1/status",
      "get /v1/virtual-routers",
      "get /v1/virtual-routers/{name}",
      "patch /v1/backends/{backend}/servers/{server}",
      "post /v1/config/plan",
      "post /v1/config/reload",
      "post /v1/virtual-routers/{name}/failover",
      "put /v1/backends/{backend}/servers/{server}",
      "put /v1/standby",
    ]);
  });

  it("names its resources, and every reference resolves", () => {
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining([
      "Backend",
      "Frontend",
      "Problem",
      "Server",
      "ServerPatch",
      "Status",
      "VirtualRouter",
    ]));
    const references = [...everything].filter(([path]) => path.endsWith("/$ref"));
    expect(references.length).toBeGreaterThan(20);
    for (const [, reference] of references) expect(everything.has(String(reference))).toBe(true);
  });

  it("says null where it may be, not of a named resource itself", () => {
    const { schemas } = document.components;
    for (const [name, { type }] of Object.entries<{ type: unknown }>(schemas)) {
      expect([name, type]).not.toEqual([name, expect.arrayContaining(["null"])]);
    }
    expect(schemas.Server.properties.override).toMatchObject({
      anyOf: [{ $ref: "#/components/schemas/Override" }, { type: "null" }],
    });
  });

  it("declares every parameter of a path", () => {
    for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
      const names = [...path.matchAll(/{(\w+)}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(methods)) {
        const declared = parameters.filter((one) => one.in === "path").map(({ name }) => name);
        expect(declared).toEqual(names);
      }
    }
  });

  it("lets every change depend on what it changes", () => {
    const changes = new ApiDocument(document).operations.filter(({ method, path }) =>
      // It changes nothing, but has a file to look at.
      method !== "GET" && path !== "/v1/config/plan"
    );
    for (const { method, path, parameters, responses } of changes) {
      const names = parameters.filter((one) => one.in === "header").map(({ name }) => name);
      expect([method, path, names, "412" in responses]).toEqual([method, path, ["if-match"], true]);
    }
  });

  it("describes the patch and its errors", () => {
    const patch = document.paths["/v1/backends/{backend}/servers/{server}"].patch;
    expect(Object.keys(patch.requestBody.content)).toEqual([
      "application/merge-patch+json",
      "application/json",
    ]);
    expect(Object.keys(patch.responses)).toEqual(
      ["200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "429"],
    );
    expect(Object.keys(document.components.schemas.ServerPatch.properties)).toEqual(
      ["state", "weight", "reason", "ttl", "deadline", "onDeadline"],
    );
  });
});

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
}
