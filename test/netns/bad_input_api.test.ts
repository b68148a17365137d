/**
 * Requests to the admin API that cannot be granted: each is answered with a problem document that
 * says why, and changes nothing.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { Lintel, product } from "./product.ts";

const SERVER = "/v1/backends/web/servers/web1";
const MERGE_PATCH = "content-type: application/merge-patch+json";
const JSON_BODY = "content-type: application/json";

const CONFIG = `
stateDirectory: \${HOST_DIRECTORY}
admin:
  socket: \${HOST_DIRECTORY}/admin.sock
  listen: 127.0.0.1:9900
  tokens:
    - { name: looker, role: viewer, secret: look-0123456789 }
    - { name: ops, role: operator, secret: operate-0123456789 }
  probes: "*:9901"
frontends:
  web: { listen: "172.16.0.2:80", backend: web }
backends:
  web: { check: none, servers: { web1: "172.16.0.21:80" } }
`;

type Request = readonly [
  what: string,
  status: number,
  method: string,
  path: string,
  body: string,
  header: string,
  said: RegExp,
];

const REQUESTS: readonly Request[] = [
  ["no JSON", 400, "PATCH", SERVER, "{state", MERGE_PATCH, /JSON/],
  ["a state there is not", 422, "PATCH", SERVER, '{"state":"off"}', MERGE_PATCH, /state/],
  ["a weight of 257", 422, "PATCH", SERVER, '{"weight":257}', MERGE_PATCH, /weight.*0 to 256/],
  ["a weight of -1", 422, "PATCH", SERVER, '{"weight":-1}', MERGE_PATCH, /weight/],
  ["a weight in words", 422, "PATCH", SERVER, '{"weight":"half"}', MERGE_PATCH, /weight.*50%/],
  ["an unknown key", 422, "PATCH", SERVER, '{"wieght":5}', MERGE_PATCH, /wieght/],
  ["a list", 422, "PATCH", SERVER, "[]", MERGE_PATCH, /./],
  ["another type", 415, "PATCH", SERVER, "state=drain", "content-type: text/plain", /merge-patch/],
  ["an old ETag", 412, "PATCH", SERVER, '{"weight":5}', 'if-match: "old"', /./],
  ["an unknown server", 404, "PATCH", `${SERVER}0`, '{"weight":5}', MERGE_PATCH, /web10.*web1/],
  ["an unknown backend", 404, "GET", "/v1/backends/nowhere", "", "", /nowhere.*web/],
  ["an unknown router", 404, "GET", "/v1/virtual-routers/none", "", "", /none/],
  ["an unknown route", 404, "GET", "/v1/nothing", "", "", /./],
  ["a method there is not", 404, "POST", SERVER, "", "", /nothing answers POST/],
  ["a server to remove that the file has", 409, "DELETE", SERVER, "", "", /the file defines/],
  ["a server at no address", 422, "PUT", `${SERVER}0`, '{"address":"x"}', JSON_BODY, /ADDRESS/],
];

let lab: Lab;
let lb1: Host;
let lintel: Lintel;

beforeAll(async () => {
  const command = await product();
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lintel = new Lintel(lb1, command, CONFIG);
  await lintel.ready();
});

afterAll(() => lab?.[Symbol.asyncDispose]());

describe("the socket", () => {
  it.each(REQUESTS)("answers %s with %i", async (_, status, method, path, body, header, said) => {
    const before = await state();
    const headers = header.startsWith("if-match") ? [header, MERGE_PATCH] : [header];
    const socket = ["--unix-socket", lintel.socket];
    const answer = await ask([...socket, `http://lintel${path}`], method, body, headers);
    expect(answer.type).toBe("application/problem+json");
    expect(answer.problem).toMatchObject({ type: "about:blank", status });
    expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(said)]);
    expect(await state()).toEqual(before);
  });
});

describe("TCP with tokens", () => {
  it.each([
    [401, "no token", "GET", "x-nothing: at all"],
    [401, "an unknown token", "GET", "authorization: Bearer look-0123456788"],
    [401, "another scheme", "GET", "authorization: Basic bG9vazpsb29r"],
    [403, "a viewer's token", "PATCH", "authorization: Bearer look-0123456789"],
  ])("answers %i to %s", async (status, _, method, header) => {
    const before = await state();
    const place = `http://127.0.0.1:9900${SERVER}`;
    const answer = await ask([place], method, '{"weight":5}', [header, MERGE_PATCH]);
    expect(answer.type).toBe("application/problem+json");
    expect(answer.problem).toMatchObject({ status, title: expect.stringMatching(/./) });
    expect(answer.text).not.toContain("0123456789");
    expect(await state()).toEqual(before);
  });

  it("lets an operator do it, and tells who it was", async () => {
    const place = `http://127.0.0.1:9900${SERVER}?reason=test`;
    const headers = ["authorization: Bearer operate-0123456789", MERGE_PATCH];
    const answer = await ask([place], "PATCH", '{"weight":5}', headers);
    expect(answer.status, answer.text).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      weight: { configured: 100, runtime: 5, effective: 5 },
      override: { by: "ops", reason: "test" },
    });
    await lintel.patchServer("web", "web1", { weight: null });
  });

  it("shows nothing but health and metrics on the listener for probes", async () => {
    const statusOf = async (path: string) => (await ask([`http://127.0.0.1:9901${path}`])).status;
    expect(await statusOf("/livez")).toBe(200);
    expect(await statusOf("/metrics")).toBe(200);
    expect(await statusOf("/v1/status")).toBe(404);
    expect(await statusOf("/openapi.json")).toBe(404);
  });
});

/** What might have been changed. */
async function state(): Promise<unknown> {
  const { admin, weight, override } = await lintel.server("web1");
  return { admin, weight, override };
}

async function ask(
  where: readonly string[],
  method = "GET",
  body = "",
  headers: readonly string[] = [],
) {
  const out = await lb1.run([
    ...["curl", "--silent", "--request", method],
    ...["--write-out", "\n%{http_code} %{content_type}"],
    ...(body === "" ? [] : ["--data-raw", body]),
    ...headers.filter((one) => one !== "").flatMap((one) => ["--header", one]),
    ...where,
  ]);
  const end = out.lastIndexOf("\n");
  const text = out.slice(0, end);
  const [status = "", ...type] = out.slice(end + 1).split(" ");
  const isJson = type.join(" ").includes("json");
  const problem: unknown = isJson ? JSON.parse(text) : undefined;
  return { status: Number(status), type: type.join(" "), text, problem };
}
