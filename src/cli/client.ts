/**
 * Asks a running appliance. It knows how to reach one and what its errors mean for the exit code,
 * not what the answers are for.
 */

import { ProblemSchema } from "../admin/model.ts";
import { EXIT, exitCodeOf, Failure } from "./exit_code.ts";

/** Where the appliance answers and what lets us in. */
export interface Destination {
  /** `unix:/path`, `http://host:port` or `https://host:port`. */
  readonly address: string;
  readonly token: string | undefined;
  /** PEM text of the authority that vouches for an https address; the system's without it. */
  readonly authority?: string | undefined;
}

/** An answer that was a success. */
export interface Answer {
  readonly body: unknown;
  /** How far a change reaches, as the appliance says; empty where nothing was changed. */
  readonly scope: string;
}

/** A connection to the admin API, for one verb. */
export class AdminClient implements Disposable {
  readonly #address: string;
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #socket: string | undefined;
  readonly #client: Deno.HttpClient | undefined;

  /** @throws {Failure} for an address that is none. */
  constructor({ address, token, authority }: Destination) {
    this.#address = address;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    if (address.startsWith("unix:")) {
      this.#socket = address.slice("unix:".length);
      this.#base = "http://lintel";
      this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: this.#socket } });
    } else {
      this.#base = baseUrl(address, token !== undefined);
      if (authority !== undefined) {
        this.#client = Deno.createHttpClient({ caCerts: [authority] });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#client?.close();
  }

  /** Reads a resource. @throws {Failure} */
  get(path: string): Promise<Answer> {
    return this.#ask(path, { method: "GET" });
  }

  /** Changes a resource by a merge patch. @throws {Failure} */
  patch(path: string, change: object): Promise<Answer> {
    return this.#ask(path, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify(change),
    });
  }

  /** Asks for something to be done. @throws {Failure} */
  post(path: string, wish: object): Promise<Answer> {
    return this.#ask(path, { method: "POST", headers: JSON_BODY, body: JSON.stringify(wish) });
  }

  /** Asks for its file to be read again. @throws {Failure} with its problems, a line each. */
  reload(path: string, timeoutMs: number): Promise<Answer> {
    return this.#ask(path, { method: "POST" }, timeoutMs, EXIT.invalidConfiguration);
  }

  /** Asks what becomes of a configuration. @throws {Failure} with its problems, a line each. */
  postYaml(path: string, text: string): Promise<Answer> {
    const headers = { "content-type": "application/yaml" };
    const init = { method: "POST", headers, body: text };
    return this.#ask(path, init, TIMEOUT_MS, EXIT.invalidConfiguration);
  }

  /** Replaces a resource. @throws {Failure} */
  put(path: string, resource: object): Promise<Answer> {
    return this.#ask(path, { method: "PUT", headers: JSON_BODY, body: JSON.stringify(resource) });
  }

  /**
   * Takes something away, or ends it. @throws {Failure}
   *
   * @param timeoutMs how long the answer may take.
   */
  delete(path: string, timeoutMs?: number): Promise<Answer> {
    return this.#ask(path, { method: "DELETE" }, timeoutMs);
  }

  /** Follows server-sent events, and yields the data of each, until the other side ends. */
  async *follow(path: string): AsyncGenerator<unknown> {
    if (this.#socket !== undefined) await knock(this.#socket);
    const headers = { ...this.#headers, accept: "text/event-stream" };
    const options = { headers, ...(this.#client && { client: this.#client }) };
    try {
      const response = await fetch(this.#base + path, options);
      if (!response.ok || !response.body) {
        throw this.#failure(response, parseJson(await response.text()));
      }
      let rest = "";
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (line.startsWith("data:")) yield parseJson(line.slice("data:".length));
        }
      }
    } catch (error) {
      throw error instanceof Failure ? error : noAnswer(this.#address, error);
    }
  }

  async #ask(
    path: string,
    init: RequestInit & { headers?: Record<string, string> },
    timeoutMs = TIMEOUT_MS,
    badValueCode: number = EXIT.usage,
  ) {
    if (this.#socket !== undefined) await knock(this.#socket);
    const headers = { ...init.headers, ...this.#headers, accept: "application/json" };
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { ...init, headers, signal, ...(this.#client && { client: this.#client }) };
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#base + path, options);
      text = await response.text();
    } catch (error) {
      throw noAnswer(this.#address, error);
    }
    const body = parseJson(text);
    if (response.ok && body !== undefined) {
      return { body, scope: scopeOf(response.headers) };
    }
    throw this.#failure(response, body, badValueCode);
  }

  #failure({ status }: Response, body: unknown, badValueCode: number = EXIT.usage): Failure {
    const problem = ProblemSchema.safeParse(body);
    const code = status === 422 ? badValueCode : exitCodeOf(status);
    if (problem.success) return new Failure(code, problem.data.detail);
    return new Failure(
      EXIT.failed,
      `${this.#address} answers ${status}, but not as a lintel does`,
    );
  }
}

/** What `--json` prints of a change: the document, and how far it reaches where that was said. */
export function jsonOf({ body, scope }: Answer): string {
  const isMap = typeof body === "object" && body !== null && !Array.isArray(body);
  return JSON.stringify(isMap && scope !== "" ? { scope, ...body } : body, null, 2) + "\n";
}

/** How far a change reaches, and why it would not outlast a restart. */
function scopeOf(headers: Headers): string {
  const scope = headers.get("lintel-scope") ?? "";
  const cause = headers.get("lintel-not-kept");
  return cause === null ? scope : `${scope}; not kept: ${cause}; will be lost at a restart`;
}

/** Takes an answer for what the schema says. @throws {Failure} when it is not. */
export function readAs<Value>(schema: Schema<Value>, body: unknown): Value {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new Failure(
    EXIT.failed,
    "the appliance is of another version: its answer has a form unknown here (--json prints it)",
  );
}

/** As much of a zod schema as reading needs. */
interface Schema<Value> {
  safeParse(
    value: unknown,
  ): { readonly success: true; readonly data: Value } | { readonly success: false };
}

/** Tells whether somebody answers on a socket, while the system's errors still have their types. */
async function knock(path: string): Promise<void> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Failure(
        EXIT.unauthorised,
        `not permitted to open ${path}: be root, or in the group that admin.socketGroup names`,
      );
    }
    throw noAnswer(`unix:${path}`, error);
  }
}

function noAnswer(address: string, error: unknown): Failure {
  const cause = error instanceof DOMException && error.name === "TimeoutError"
    ? `nothing came within ${TIMEOUT_MS / 1000} s`
    : error instanceof Error
    ? error.message
    : String(error);
  const remedy = "is it running? --admin or LINTEL_ADMIN says where else to ask";
  return new Failure(EXIT.noAnswer, `no appliance answers at ${address}: ${cause} (${remedy})`);
}

function baseUrl(address: string, withToken: boolean): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/") {
    throw new Failure(
      EXIT.usage,
      `--admin ${address}: expected unix:/path, http://127.0.0.1:port or https://host:port`,
    );
  }
  if (withToken && url.protocol === "http:" && !LOOPBACK.test(url.hostname)) {
    throw new Failure(EXIT.usage, `--admin ${address}: a token is not sent in clear; use https`);
  }
  return url.origin;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const JSON_BODY = { "content-type": "application/json" };
const TIMEOUT_MS = 10_000;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
