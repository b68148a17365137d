/**
 * The status as it changes, for those who keep looking. It is made once a second for all of them,
 * and not at all while nobody looks.
 */

import type { SSEStreamingApi } from "hono/streaming";

/** Gives one status document, as text, to any number of readers. */
export class StatusStream {
  readonly #text: () => string;
  readonly #onEnd: (end: () => void) => () => void;
  readonly #readers = new Set<(text: string) => void>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param onEnd calls back when the appliance ends, unless what it returns is called before. */
  constructor(text: () => string, onEnd: (end: () => void) => () => void) {
    this.#text = text;
    this.#onEnd = onEnd;
  }

  /** Writes the status now and then every second, until the reader goes away or the appliance. */
  async follow(stream: SSEStreamingApi): Promise<void> {
    let next: string | undefined = this.#text();
    let wake = () => {};
    let isOver = false;
    const reader = (text: string) => {
      // Who reads slowly misses some: the last one tells all.
      next = text;
      wake();
    };
    this.#add(reader);
    stream.onAbort(() => wake());
    const forget = this.#onEnd(() => {
      isOver = true;
      wake();
    });
    try {
      while (!stream.aborted && !stream.closed && !isOver) {
        if (next === undefined) {
          await new Promise<void>((resolve) => wake = resolve);
          continue;
        }
        const data: string = next;
        next = undefined;
        await stream.writeSSE({ data });
      }
    } finally {
      forget();
      this.#remove(reader);
    }
  }

  #add(reader: (text: string) => void): void {
    this.#readers.add(reader);
    this.#timer ??= setInterval(() => {
      const text = this.#text();
      for (const tell of this.#readers) tell(text);
    }, PERIOD_MS);
  }

  #remove(reader: (text: string) => void): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

const PERIOD_MS = 1_000;
