/**
 * The answer of an agent: the first line of whatever comes. Does no I/O and keeps no time.
 */

import type { Answer, Outcome } from "./probe.ts";

/** Waits for the end of the first line. */
export class AgentAnswer implements Answer {
  #line = "";

  feed(piece: Uint8Array): Outcome | undefined {
    this.#line += LATIN_1.decode(piece);
    const end = this.#line.search(/[\r\n]/);
    if (end >= 0) return { code: "L7OK", text: this.#line.slice(0, end) };
    if (this.#line.length <= LONGEST_LINE) return undefined;
    return { code: "L7RSP", text: `no line in ${this.#line.length} bytes` };
  }

  end(reason: string): Outcome {
    // Who knows what else it was about to say? HAProxy does not take it, either.
    const what = this.#line === "" ? "a line" : "the end of the line";
    return { code: "L7RSP", text: `${reason} before ${what}` };
  }

  timeOut(): Outcome {
    return { code: "L7TOUT", text: "no line in time" };
  }
}

const LATIN_1 = new TextDecoder("latin1");
const LONGEST_LINE = 4_096;
