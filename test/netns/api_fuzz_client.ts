/**
 * Asks a running appliance for what its own `/openapi.json` offers, rightly and wrongly, and for
 * what nobody offers. It runs inside the appliance's host, and prints one line of JSON at the end.
 *
 *     deno run -A test/netns/api_fuzz_client.ts '{"socket": …}'
 */

import { print } from "../../scripts/lab/print.ts";
import { Random } from "../simulation/random.ts";
import { ApiDocument } from "../unit/admin/api_document.ts";
import { type MadeRequest, RequestMaker, type Subject } from "../unit/admin/api_requests.ts";
import { garbage, slowRequests } from "./api_garbage.ts";
import { type Exchange, exchange } from "./raw_http.ts";

/** What to do. */
export interface FuzzOrder {
  readonly socket: string;
  readonly port: number;
  readonly seed: number;
  readonly requests: number;
  /** Requests whose bodies or headers never end. */
  readonly slow: number;
  /** Secrets of tokens by role. */
  readonly tokens: Readonly<Record<"viewer" | "operator" | "admin", string>>;
  /** For callers who may change something: only what may be changed. */
  readonly tame: Subject;
  /** For all others. */
  readonly wild: Subject;
}

/** What has come of it. */
export interface FuzzReport {
  /** Answers by status; `none` where garbage had none. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Successes by operation. */
  readonly succeeded: Readonly<Record<string, number>>;
  readonly operations: number;
  /** Whatever should not have been. */
  readonly wrong: readonly string[];
  readonly seconds: number;
  readonly slowestMs: number;
}

class Fuzzer {
  readonly #order: FuzzOrder;
  readonly #document: ApiDocument;
  readonly #random: Random;
  readonly #maker: RequestMaker;
  readonly #statuses: Record<string, number> = {};
  readonly #succeeded: Record<string, number> = {};
  readonly #wrong: string[] = [];
  #left: number;
  #slowestMs = 0;

  constructor(order: FuzzOrder, document: ApiDocument) {
    this.#order = order;
    this.#document = document;
    this.#random = new Random(order.seed);
    this.#maker = new RequestMaker(document, this.#random);
    this.#left = order.requests;
  }

  async run(): Promise<FuzzReport> {
    const startedAt = performance.now();
    const slow = slowRequests(this.#order.slow).map((pieces) => this.#askSlowly(pieces));
    await Promise.all([...slow, ...Array.from({ length: CALLERS }, () => this.#work())]);
    return {
      statuses: this.#statuses,
      succeeded: this.#succeeded,
      operations: this.#document.operations.length,
      wrong: this.#wrong.slice(0, 20),
      seconds: (performance.now() - startedAt) / 1_000,
      slowestMs: this.#slowestMs,
    };
  }

  async #work(): Promise<void> {
    while (this.#left-- > 0) {
      if (this.#random.chance(0.12)) await this.#throw();
      else await this.#ask();
    }
  }

  /** One request, and whether its answer is what the document says. */
  async #ask(): Promise<void> {
    const random = this.#random;
    const bySocket = random.chance(0.5);
    const { header, isTame } = bySocket ? { header: [], isTame: true } : this.#credentials();
    const made = this.#maker.next(isTame ? this.#order.tame : this.#order.wild);
    const lines = [...made.headers, ...header];
    const answer = await exchange(
      await this.#dial(bySocket),
      [bytesOf(made, lines, random.chance(0.2))],
      PATIENCE_MS,
    );
    this.#slowestMs = Math.max(this.#slowestMs, answer.tookMs);
    this.#judge(made, answer);
  }

  #judge({ method, target }: MadeRequest, answer: Exchange): void {
    const { status, headers, text, tookMs } = answer;
    this.#count(status);
    const asked = `${method} ${target.slice(0, 200)}`;
    const complain = (what: string) => this.#wrong.push(`${asked}: ${what}`);
    if (status === null) return void complain(`no answer within ${Math.round(tookMs)} ms`);
    // What could not be read as HTTP is refused before anybody knows what it was meant for.
    if ([400, 408, 431].includes(status) && !headers.has("content-type")) return;
    const [path = ""] = target.split("?");
    if (method === "HEAD" && status in (this.#document.find("GET", path)?.responses ?? {})) return;
    const operation = this.#document.find(method, path);
    if (!operation) {
      if (status >= 500) complain(`${status} ${text}`);
      return;
    }
    if (status < 400) {
      const name = `${method} ${operation.path}`;
      this.#succeeded[name] = (this.#succeeded[name] ?? 0) + 1;
    }
    for (const one of this.#document.mismatches(operation, { status, headers, text })) {
      complain(one);
    }
  }

  /** Something that is no request. */
  async #throw(): Promise<void> {
    const bytes = garbage(this.#random);
    const connection = await this.#dial(this.#random.chance(0.5));
    const { status } = await exchange(connection, [bytes], GARBAGE_PATIENCE_MS);
    this.#count(status);
    if (status !== null && status >= 500) {
      this.#wrong.push(`${status} to ${JSON.stringify(new TextDecoder().decode(bytes))}`);
    }
  }

  async #askSlowly(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const { status, isEnded } = await exchange(await this.#dial(false), pieces, SLOW_PATIENCE_MS);
    this.#count(status);
    if (!isEnded) this.#wrong.push("a request that never ends was borne");
    if (status !== 408) this.#wrong.push(`a request that never ends was answered ${status}`);
  }

  #credentials(): { readonly header: [string, string][]; readonly isTame: boolean } {
    const random = this.#random;
    const { tokens } = this.#order;
    const bearer = (secret: string): [string, string][] => [["authorization", `Bearer ${secret}`]];
    const one = random.next();
    if (one < 0.30) return { header: bearer(tokens.admin), isTame: true };
    if (one < 0.55) return { header: bearer(tokens.operator), isTame: true };
    if (one < 0.80) return { header: bearer(tokens.viewer), isTame: false };
    // More would be refused as guesses, and right ones with them.
    if (one < 0.81) return { header: bearer("wrong"), isTame: false };
    return { header: random.pick(NO_TOKENS).map(([name, value]) => [name, value]), isTame: false };
  }

  async #dial(bySocket: boolean): Promise<Deno.Conn> {
    const { socket, port } = this.#order;
    for (let attempt = 0;; attempt++) {
      try {
        return bySocket
          ? await Deno.connect({ transport: "unix", path: socket })
          : await Deno.connect({ hostname: "127.0.0.1", port });
      } catch (error) {
        if (attempt === 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  #count(status: number | null): void {
    const name = String(status ?? "none");
    this.#statuses[name] = (this.#statuses[name] ?? 0) + 1;
  }
}

/** A request as it is sent. */
function bytesOf(
  { method, target, body }: MadeRequest,
  headers: readonly (readonly [string, string])[],
  isChunked: boolean,
): Uint8Array {
  const framing = body === null
    ? []
    : isChunked
    ? [["transfer-encoding", "chunked"]]
    : [["content-length", String(body.length)]];
  const lines = [["host", "localhost"], ["connection", "close"], ...headers, ...framing];
  const head = `${method} ${target.replaceAll(/[\r\n ]/g, "%20")} HTTP/1.1\r\n` +
    lines.map(([name, value]) => `${name}: ${value}\r\n`).join("") + "\r\n";
  const parts = [new TextEncoder().encode(head)];
  if (body !== null && isChunked) {
    const text = new TextEncoder();
    if (body.length > 0) {
      parts.push(text.encode(`${body.length.toString(16)}\r\n`), body, text.encode("\r\n"));
    }
    parts.push(text.encode("0\r\n\r\n"));
  } else if (body !== null) parts.push(body);
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

const NO_TOKENS: readonly (readonly (readonly [string, string])[])[] = [
  [],
  [["authorization", ""]],
  [["authorization", "Bearer"]],
  [["authorization", "Basic bG9vazpsb29r"]],
  [["authorization", "Bearer a b"]],
];

const CALLERS = 6;
/** A planned handover waits for its peer for seconds. */
const PATIENCE_MS = 20_000;
const GARBAGE_PATIENCE_MS = 150;
const SLOW_PATIENCE_MS = 25_000;

if (import.meta.main) {
  const order: FuzzOrder = JSON.parse(Deno.args[0] ?? "");
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: order.socket } });
  const document = await fetch("http://lintel/openapi.json", { client });
  print(JSON.stringify(await new Fuzzer(order, new ApiDocument(await document.json())).run()));
  client.close();
}
