/**
 * The status as it changes, for those who keep looking. It is made once a second for all of them,
 * and not at all while nobody looks.
 */

import type { SSEStreamingApi } from "hono/streaming";

/** Gives one status document, as text, to any number of readers. */
export class StatusStream {
  readonly #text: () => string;
  readonly #readers = new Set<(text: string) => void>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(text: () => string) {
    this.#text = text;
  }

  /** Writes the status now and then every second, until the reader goes away. */
  async follow(stream: SSEStreamingApi): Promise<void> {
    let next: string | undefined = this.#text();
    let wake = () => {};
    const reader = (text: string) => {
      // Who reads slowly misses some: the last one tells all.
      next = text;
      wake();
    };
    this.#add(reader);
    stream.onAbort(() => wake());
    try {
      while (!stream.aborted && !stream.closed) {
        if (next === undefined) {
          await new Promise<void>((resolve) => wake = resolve);
          continue;
        }
        const data: string = next;
        next = undefined;
        await stream.writeSSE({ data });
      }
    } finally {
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
