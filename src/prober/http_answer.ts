/**
 * The answer to an HTTP check, as far as a check reads it: the status line strictly, the headers
 * for their end and the length of the body, and of a body only what tells why a check failed.
 * Whatever arrives, in whatever pieces, no more is kept than the limits below. Does no I/O and
 * keeps no time.
 */

import type { HttpCheck } from "../core/plan/plan.ts";
import type { Answer, Outcome } from "./probe.ts";

/** Takes an answer piece by piece and says what it means as soon as that is certain. */
export class HttpAnswer implements Answer {
  readonly #check: HttpCheck;
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;
  /** Up to here no end of the headers has been found. */
  #scanned = 0;
  /** Set once the headers have ended with a status that was not asked for. */
  #failure: Failure | undefined;
  /** What follows the headers of an answer that was asked for; unknown if nothing may follow it. */
  #rest: Body | undefined;

  constructor(check: HttpCheck) {
    this.#check = check;
  }

  feed(piece: Uint8Array): Outcome | undefined {
    let outcome: Outcome | undefined;
    for (let at = 0; at < piece.length && !outcome;) {
      const kept = piece.subarray(at, at + LIMIT_BYTES - this.#length);
      at += kept.length;
      this.#keep(kept);
      outcome = this.#failure ? this.#readBody(this.#failure) : this.#readHead();
    }
    return outcome;
  }

  end(reason: string): Outcome {
    if (this.#failure) return this.#wrongStatus(this.#failure);
    const where = this.#length === 0 ? "before an answer" : "in the middle of the headers";
    return { code: "L7RSP", text: `${reason} ${where}` };
  }

  timeOut(): Outcome {
    if (this.#failure) return this.#wrongStatus(this.#failure);
    const text = this.#length === 0
      ? "no answer in time"
      : `headers not complete in time, ${this.#length} bytes of them arrived`;
    return { code: "L7TOUT", text };
  }

  /** Whether the outcome is a success, and the connection may take another request. */
  get isReusable(): boolean {
    return this.#rest === this.#length;
  }

  #keep(piece: Uint8Array): void {
    if (this.#length + piece.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + piece.length));
      larger.set(this.#arrived());
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  }

  #readHead(): Outcome | undefined {
    for (;;) {
      const line = firstLine(this.#arrived());
      if (line === undefined) return this.#notHttp();
      const end = this.#findHeadEnd();
      if (end === undefined ? this.#length >= HEAD_BYTES : end > HEAD_BYTES) {
        return { code: "L7RSP", text: `headers longer than ${HEAD_BYTES} bytes` };
      }
      if (end === undefined || line === "incomplete") return undefined;
      const head = LATIN_1.decode(this.#bytes.subarray(0, end));
      this.#bytes.copyWithin(0, end, this.#length);
      this.#length -= end;
      this.#scanned = 0;
      if (line.status >= 200 || line.status === SWITCHING_PROTOCOLS) {
        return this.#judge(line.status, head);
      }
      // An interim answer: the one that counts comes after it (RFC 9110, section 15.2).
    }
  }

  #judge(status: number, head: string): Outcome | undefined {
    const body = bodyOf(this.#check.method, status, head);
    if (this.#check.status.some(([from, to]) => from <= status && status <= to)) {
      if (isPersistent(status, head)) this.#rest = body;
      return { code: "L7OK", status, text: "" };
    }
    this.#failure = { status, body };
    return this.#readBody(this.#failure);
  }

  /** The end of the first empty line, if it has arrived. */
  #findHeadEnd(): number | undefined {
    for (let at = this.#scanned; at < this.#length; at++) {
      if (this.#bytes[at] !== LF) continue;
      const before = this.#bytes[at - 1] === CR ? at - 2 : at - 1;
      if (this.#bytes[before] === LF) return at + 1;
    }
    this.#scanned = this.#length;
    return undefined;
  }

  /** Waits for the end of the body, or for as much of it as is told. */
  #readBody(failure: Failure): Outcome | undefined {
    const complete = failure.body === "chunked"
      ? this.#length >= CHUNKED_BYTES || readChunks(this.#arrived()).complete
      : this.#length >= Math.min(failure.body, BODY_BYTES);
    return complete ? this.#wrongStatus(failure) : undefined;
  }

  #wrongStatus({ status, body }: Failure): Outcome {
    const bytes = body === "chunked"
      ? readChunks(this.#arrived().subarray(0, CHUNKED_BYTES)).bytes
      : this.#arrived().subarray(0, body);
    return { code: "L7STS", status, text: UTF_8.decode(bytes.subarray(0, BODY_BYTES)) };
  }

  #arrived(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #notHttp(): Outcome {
    const start = LATIN_1.decode(this.#arrived().subarray(0, QUOTED_BYTES));
    return { code: "L7RSP", text: `not an HTTP/1 answer: ${JSON.stringify(start)}` };
  }
}

/** An answer with a status that was not asked for. */
interface Failure {
  readonly status: number;
  readonly body: Body;
}

/**
 * How many bytes of body will come (`Infinity`: until the connection ends), or that they are
 * chunked.
 */
type Body = number | "chunked";

/** RFC 9112, section 6.3. */
function bodyOf(method: string, status: number, head: string): Body {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return 0;
  if (/^transfer-encoding:.*\bchunked[ \t]*\r?$/im.test(head)) return "chunked";
  const length = /^content-length:[ \t]*(\d+)[ \t]*\r?$/im.exec(head)?.[1];
  return length === undefined ? Infinity : Number(length);
}

/** RFC 9112, section 9.3. */
function isPersistent(status: number, head: string): boolean {
  return status !== SWITCHING_PROTOCOLS && head.startsWith("HTTP/1.1") &&
    !/^connection:.*\bclose\b/im.test(head);
}

/** The data of the chunks that have arrived (RFC 9112, section 7.1); what is no chunk ends them. */
function readChunks(
  bytes: Uint8Array<ArrayBuffer>,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly complete: boolean } {
  const data = new Uint8Array(bytes.length);
  let length = 0;
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf(LF, at);
    if (lineEnd < 0) return { bytes: data.subarray(0, length), complete: false };
    const size = /^[0-9a-f]{1,8}/i.exec(LATIN_1.decode(bytes.subarray(at, lineEnd)))?.[0];
    const chunk = Number.parseInt(size ?? "0", 16);
    if (chunk === 0) return { bytes: data.subarray(0, length), complete: true };
    const arrived = bytes.subarray(lineEnd + 1, lineEnd + 1 + chunk);
    data.set(arrived, length);
    length += arrived.length;
    at = bytes.indexOf(LF, lineEnd + 1 + chunk) + 1;
    if (at === 0) return { bytes: data.subarray(0, length), complete: false };
  }
}

/** The status line (RFC 9112, section 4) at the start of `bytes`; `undefined` if it is none. */
function firstLine(bytes: Uint8Array<ArrayBuffer>): { status: number } | "incomplete" | undefined {
  const end = bytes.indexOf(LF);
  if (end < 0) {
    const start = LATIN_1.decode(bytes.subarray(0, VERSION.length));
    return VERSION.startsWith(start) ? "incomplete" : undefined;
  }
  const line = LATIN_1.decode(bytes.subarray(0, end));
  const status = /^HTTP\/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?\r?$/.exec(line)?.[1];
  return status === undefined ? undefined : { status: Number(status) };
}

const VERSION = "HTTP/1.";
const SWITCHING_PROTOCOLS = 101;
const CR = 0x0d;
const LF = 0x0a;

/** Headers longer than this are no answer. */
const HEAD_BYTES = 16_384;
/** How much of the body of a failure is told. */
const BODY_BYTES = 1024;
/** How much of a chunked body is read to find that. */
const CHUNKED_BYTES = 4096;
const LIMIT_BYTES = HEAD_BYTES + CHUNKED_BYTES;
/** How much is quoted of an answer that is not HTTP. */
const QUOTED_BYTES = 60;
const FIRST_BYTES = 512;

const LATIN_1 = new TextDecoder("latin1");
const UTF_8 = new TextDecoder();
