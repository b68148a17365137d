/**
 * Requests made up from `/openapi.json`: most are nearly right, some not at all. One seed, one
 * story.
 */

import { Random } from "../../simulation/random.ts";
import type { ApiDocument, Operation, Parameter, Schema } from "./api_document.ts";

/** One request. */
export interface MadeRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** What the requests are about. */
export interface Subject {
  /** Names by the parameter that takes them; `text` are bodies of other types than JSON. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  readonly text: readonly string[];
  /** Parameters that requests have to have for certain, by path. */
  readonly forced: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Makes requests without end. */
export class RequestMaker {
  readonly #document: ApiDocument;
  readonly #random: Random;

  constructor(document: ApiDocument, random: Random) {
    this.#document = document;
    this.#random = random;
  }

  next(subject: Subject): MadeRequest {
    const random = this.#random;
    const { operations } = this.#document;
    const changes = operations.filter(({ method }) => method !== "GET");
    const operation = random.pick(random.chance(0.6) ? operations : changes);
    const body = this.#body(operation, subject);
    const method = random.chance(0.95) ? operation.method : random.pick(METHODS);
    return {
      method,
      target: this.#path(operation, subject) + this.#query(operation, subject),
      headers: [...this.#headers(operation), ...(body === null ? [] : this.#type(operation))],
      body: method === "GET" || method === "HEAD" ? null : body,
    };
  }

  #path({ path }: Operation, subject: Subject): string {
    const random = this.#random;
    if (random.chance(0.03)) return random.pick(PATHS);
    return path.replaceAll(/{(\w+)}/g, (_, name) => {
      const known = subject.names[name] ?? [];
      if (known.length > 0 && random.chance(0.9)) return encodeURIComponent(random.pick(known));
      return random.pick(SEGMENTS);
    });
  }

  #query({ path, parameters }: Operation, { names, forced }: Subject): string {
    const random = this.#random;
    const query = new URLSearchParams();
    for (const one of parameters.filter((parameter) => parameter.in === "query")) {
      if (!random.chance(0.3)) continue;
      query.append(one.name, this.#queryValue(one, names));
      if (random.chance(0.03)) query.append(one.name, "again");
    }
    if (random.chance(0.04)) query.append(random.pick(KEYS), random.pick(STRINGS));
    for (const [name, value] of Object.entries(forced[path] ?? {})) {
      query.set(name, value);
    }
    return query.size === 0 ? "" : `?${query}`;
  }

  #queryValue({ name, schema }: Parameter, names: Subject["names"]): string {
    const known = names[name] ?? [];
    if (known.length > 0 && this.#random.chance(0.8)) return this.#random.pick(known);
    return String(this.#value(schema, name, 0));
  }

  #headers({ parameters }: Operation): [string, string][] {
    const random = this.#random;
    const headers: [string, string][] = [];
    const takesMatch = parameters.some(({ name }) => name === "if-match");
    if (takesMatch && random.chance(0.15)) headers.push(["if-match", random.pick(TAGS)]);
    while (random.chance(0.12)) headers.push([...random.pick(HEADERS)]);
    return headers;
  }

  #type({ bodies }: Operation): [string, string][] {
    const types = Object.keys(bodies);
    if (types.length > 0 && this.#random.chance(0.95)) {
      return [["content-type", this.#random.pick(types)]];
    }
    return this.#random.chance(0.5) ? [] : [["content-type", this.#random.pick(TYPES)]];
  }

  #body({ bodies }: Operation, { text }: Subject): Uint8Array<ArrayBuffer> | null {
    const random = this.#random;
    const [first] = Object.entries(bodies);
    if (!first) return random.chance(0.97) ? null : encode(random.pick(STRINGS));
    const [type, { schema }] = first;
    if (random.chance(0.02)) return null;
    if (random.chance(0.01)) return new Uint8Array(random.integer(1_000_000, 3_000_000)).fill(0x5b);
    const made = type.endsWith("json")
      ? JSON.stringify(this.#value(schema, "", 0))
      : random.pick(text);
    return random.chance(0.9) ? encode(made) : this.#broken(encode(made));
  }

  /** With a few bytes other, missing or too many. */
  #broken(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const random = this.#random;
    const cut = bytes.slice(0, random.chance(0.5) ? bytes.length : random.integer(0, bytes.length));
    for (let count = random.integer(0, 3); count > 0 && cut.length > 0; count--) {
      cut[random.integer(0, cut.length - 1)] = random.integer(0, 255);
    }
    return random.chance(0.3) ? encode(`${new TextDecoder().decode(cut)}${"]}"}`) : cut;
  }

  /** A value of a schema, or something that is none. */
  #value(referred: Schema, name: string, depth: number): unknown {
    const random = this.#random;
    if (depth > 4 || random.chance(0.08)) return random.pick(WRONG);
    const schema = this.#document.resolve(referred);
    const union = schema.anyOf ?? schema.oneOf;
    if (Array.isArray(union)) return this.#value(random.pick(union), name, depth + 1);
    if ("const" in schema) return schema.const;
    if (Array.isArray(schema.enum)) return random.pick(schema.enum);
    const type = Array.isArray(schema.type) ? random.pick(schema.type) : schema.type;
    switch (type) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return [];
      case "boolean":
        return random.chance(0.5);
      case "integer":
      case "number":
        return this.#number(schema);
      case "null":
        return null;
      default:
        return random.pick(HINTS[name] ?? STRINGS);
    }
  }

  #object({ properties, required }: Schema, depth: number): unknown {
    const random = this.#random;
    const needed = Array.isArray(required) ? required : [];
    const entries = Object.entries(propertiesOf(properties))
      .filter(([name]) => random.chance(needed.includes(name) ? 0.97 : 0.4))
      .map(([name, schema]) => [name, this.#value(schema, name, depth + 1)]);
    if (random.chance(0.04)) entries.push([random.pick(KEYS), random.pick(WRONG)]);
    return Object.fromEntries(entries);
  }

  #number({ minimum = 0, maximum = 1_000 }: Schema): number {
    const least = Number(minimum);
    const most = Number(maximum);
    if (this.#random.chance(0.8)) return this.#random.integer(least, Math.min(most, 1e9));
    return this.#random.pick([least - 1, most + 1, 0.5, -1, 2 ** 53, 1e308]);
  }
}

function propertiesOf(properties: unknown): Readonly<Record<string, Schema>> {
  return typeof properties === "object" && properties !== null ? { ...properties } : {};
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

const LONG = "x".repeat(2_000);

/** What certain names take. */
const HINTS: Readonly<Record<string, readonly string[]>> = {
  address: ["10.77.9.9:80", "10.77.9.8", "[2001:db8::1]:80", "10.77.9.9:0", "host"],
  after: ["0.0.0", "1.2.3", "x"],
  client: ["10.0.0.0/8", "10.77.0.50", "2001:db8::/32", "10.0.0.0/33", "me"],
  deadline: ["1s", "5m", "0s", "-1s", "5"],
  hold: ["1s", "60s", "1", "100000h"],
  limit: ["1", "10", "10000", "10001", "0", "1e3"],
  rate: ["1000", "1000000", "0", "-1"],
  ttl: ["1s", "2h", "100000h", "1ms", "2"],
  verbose: ["", "1", "true"],
  weight: ["50%", "0%", "1000%", "-5%", "50"],
};

const STRINGS = [
  ...["", "a", "ready", "5m", "true", "0", "-1", "null", "*", "..", "%", "%00", "\0", "\r\n"],
  ...["ä€😀", "\ud800", "__proto__", "constructor", "toString", "' OR 1=1", "<script>", "${HOME}"],
  ...["1e999", LONG, "[object Object]", "\u202e", "file:/etc/shadow"],
];
const KEYS = ["__proto__", "constructor", "toString", "hasOwnProperty", "", "x", "dryrun", "\0"];
const WRONG = [
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, "", "x", LONG, [], {}, [[[[[[]]]]]]],
  ...[{ a: { b: { c: {} } } }, [null], ["drain"], { state: "drain" }, "drain", "2s", 256, 257],
];
const SEGMENTS = [
  ...["x", "%00", "%ff", "%2e%2e", "..", ".", "%2F", "%", "%zz", "__proto__", "constructor"],
  ...["a:b:c", "*", encodeURIComponent("ä😀"), LONG, "~", "%0d%0aX:%20y", ";", ":", "{server}"],
];
const PATHS = [
  ...["/", "//", "/v1", "/v1/", "/v1//status", "/V1/STATUS", "/v1/status/", "/v1/../v1/status"],
  ...["/%", "/%ff", "/stats;csv;", "/openapi.json?", "/.git/config", "/dashboard/../../etc/passwd"],
  ...["/dashboard/page.html", "/v1/config", "/v1/backends/%2e%2e/servers", `/${LONG}`, "/*", "/?"],
];
const METHODS = [
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
  ...["PROPFIND", "SEARCH", "LOCK", "PURGE", "REPORT"],
];
const TAGS = ["*", '"x"', "", '"', 'W/"x"', '"a", "b"', LONG, '"AAAAAAAAAAAAAAAAAAAAAA"'];
const TYPES = [
  ...["text/plain", "application/yaml", "application/json-patch+json", "*/*", "json", ""],
  ...["application/json; charset=utf-16", "multipart/form-data", "application/json, text/html"],
];
const HEADERS = [
  ...[["accept", "text/event-stream"], ["accept", "image/png"], ["accept", "*/*;q=0"]],
  ...[["last-event-id", "3"], ["last-event-id", "x"], ["last-event-id", "9".repeat(30)]],
  ...[["range", "bytes=0-0"], ["range", "bytes=-1,5-"], ["if-none-match", "*"]],
  ...[["origin", "https://evil.example"], ["origin", "null"], ["sec-fetch-site", "cross-site"]],
  ...[["cookie", "a=b; ".repeat(500)], ["x-forwarded-for", "10.0.0.1"], ["forwarded", "for=x"]],
  ...[["content-encoding", "gzip"], ["accept-encoding", "gzip, br"], ["te", "trailers"]],
  ...[["idempotency-key", "k"], ["x-http-method-override", "DELETE"], ["upgrade", "h2c"]],
  ...[["content-length-x", "-1"], ["if-modified-since", "yesterday"], ["x", "\u00e4"]],
] as const satisfies readonly (readonly [string, string])[];
