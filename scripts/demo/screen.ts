/**
 * What the demo shows: a timeline with a live line below it on a terminal, the timeline alone with
 * a line now and then elsewhere, or every event as a line of JSON.
 */

import { print, write } from "../lab/print.ts";

/** One thing that happened, with its figures. */
export interface DemoEvent {
  /** Short and fixed: `drained`, `phase`, `lost`. */
  readonly event: string;
  readonly [figure: string]: unknown;
}

/** How events are told. */
export interface Screen {
  /** Something happened; `text` is for people. */
  tell(event: DemoEvent, text: string, mood?: Mood): void;
  /** How things are now. */
  live(event: DemoEvent, text: string): void;
  /** There is nothing more to tell. */
  end(): void;
}

/** How a line is coloured. */
export type Mood = "plain" | "good" | "bad" | "title" | "faint";

/** The screen for this terminal, or for `--json`. */
export function createScreen(json: boolean): Screen {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  if (json) return new JsonScreen(seconds);
  return Deno.stdout.isTerminal() ? new Terminal(seconds) : new PlainScreen(seconds);
}

class JsonScreen implements Screen {
  readonly #seconds: () => number;
  #nextLiveAt = 0;

  constructor(seconds: () => number) {
    this.#seconds = seconds;
  }

  tell(event: DemoEvent): void {
    print(JSON.stringify({ atSeconds: this.#seconds(), ...event }, figures));
  }

  live(event: DemoEvent): void {
    if (this.#seconds() < this.#nextLiveAt) return;
    this.#nextLiveAt = this.#seconds() + LIVE_SECONDS;
    this.tell(event);
  }

  end(): void {}
}

class PlainScreen implements Screen {
  readonly #seconds: () => number;
  #nextLiveAt = 0;

  constructor(seconds: () => number) {
    this.#seconds = seconds;
  }

  tell(_event: DemoEvent, text: string): void {
    print(`${clock(this.#seconds())}  ${text}`);
  }

  live(event: DemoEvent, text: string): void {
    if (this.#seconds() < this.#nextLiveAt) return;
    this.#nextLiveAt = this.#seconds() + LIVE_SECONDS;
    this.tell(event, text);
  }

  end(): void {}
}

class Terminal implements Screen {
  readonly #seconds: () => number;
  #live = "";

  constructor(seconds: () => number) {
    this.#seconds = seconds;
  }

  tell(_event: DemoEvent, text: string, mood: Mood = "plain"): void {
    const [on, off] = COLOURS[mood];
    const time = `${FAINT}${clock(this.#seconds())}${PLAIN}`;
    write(`${CLEAR_LINE}${time}  ${on}${text}${off}\n${this.#live}`);
  }

  live(_event: DemoEvent, text: string): void {
    // A line that wraps could not be cleared; the count of columns may change at any time.
    const columns = Deno.consoleSize().columns || DEFAULT_COLUMNS;
    this.#live = `${clock(this.#seconds())}  ${text}`.slice(0, columns - 1);
    write(`${CLEAR_LINE}${this.#live}`);
  }

  end(): void {
    if (this.#live !== "") write(CLEAR_LINE);
  }
}

/** `  12.3 s`. */
function clock(seconds: number): string {
  return `${seconds.toFixed(1).padStart(6)} s`;
}

/** For JSON.stringify: three decimals are enough. */
function figures(_key: string, value: unknown): unknown {
  return typeof value === "number" ? rounded(value) : value;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

const LIVE_SECONDS = 1;
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = "\r\x1b[2K";
const FAINT = "\x1b[2m";
const PLAIN = "\x1b[0m";

const COLOURS: Readonly<Record<Mood, readonly [on: string, off: string]>> = {
  plain: ["", ""],
  good: ["\x1b[32m", PLAIN],
  bad: ["\x1b[1;31m", PLAIN],
  title: ["\x1b[1m", PLAIN],
  faint: [FAINT, PLAIN],
};
