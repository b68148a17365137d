/**
 * The answer to a dns check, over UDP and over TCP. Does no I/O and keeps no time.
 */

import type { DnsCheck } from "../core/plan/plan.ts";
import { readDnsAnswer } from "../core/wire/dns.ts";
import type { Answer, Outcome } from "./probe.ts";

/** Judges each datagram; one that is no answer to the query does not end the wait. */
export class DnsAnswer implements Answer {
  readonly #check: DnsCheck;
  readonly #query: Uint8Array;
  #foreign: string | undefined;

  constructor(check: DnsCheck, query: Uint8Array) {
    this.#check = check;
    this.#query = query;
  }

  feed(message: Uint8Array): Outcome | undefined {
    const answer = readDnsAnswer(message, this.#query);
    if ("foreign" in answer) {
      this.#foreign = answer.foreign;
      return undefined;
    }
    if (answer.rcode === this.#check.rcode) return { code: "L7OK", text: "" };
    const text = `the answer was ${nameOf(answer.rcode)}, not ${this.#check.rcode}`;
    return { code: "L7STS", text };
  }

  end(reason: string): Outcome {
    return { code: "L7RSP", text: `${reason} before an answer${this.#heard()}` };
  }

  timeOut(): Outcome {
    return { code: "L7TOUT", text: `no answer in time${this.#heard()}` };
  }

  #heard(): string {
    return this.#foreign === undefined ? "" : `; a message was not one: ${this.#foreign}`;
  }
}

/** Takes messages out of a stream, where each follows its length (RFC 1035, section 4.2.2). */
export class DnsStreamAnswer implements Answer {
  readonly #answer: DnsAnswer;
  #bytes = new Uint8Array();

  constructor(check: DnsCheck, query: Uint8Array) {
    this.#answer = new DnsAnswer(check, query);
  }

  feed(piece: Uint8Array): Outcome | undefined {
    const bytes = new Uint8Array(this.#bytes.length + piece.length);
    bytes.set(this.#bytes);
    bytes.set(piece, this.#bytes.length);
    let at = 0;
    for (;;) {
      const end = at + 2 + (bytes[at]! << 8 | bytes[at + 1]!);
      if (bytes.length < at + 2 || bytes.length < end) break;
      const outcome = this.#answer.feed(bytes.subarray(at + 2, end));
      if (outcome) return outcome;
      at = end;
    }
    this.#bytes = bytes.slice(at);
    return undefined;
  }

  end(reason: string): Outcome {
    return this.#answer.end(reason);
  }

  timeOut(): Outcome {
    return this.#answer.timeOut();
  }
}

function nameOf(rcode: string | number): string {
  return typeof rcode === "number" ? `RCODE ${rcode}` : rcode;
}
