/**
 * Facts that must outlast a crash and a power failure: values by key, kept as a log on disk. A
 * change is on the disk when its promise resolves, never before; many at once share one request to
 * the disk. What the facts mean is for others to say.
 *
 * A line is the CRC-32 of its text in hexadecimal, a space, and the text: `["key",value]`, or
 * `["key"]` where the key was forgotten. A line that does not match its sum was torn or damaged: it
 * is left out and reported, the others count.
 */

import { crc32 } from "node:zlib";
import { readFile, replaceFile, syncDirectory } from "./small_file.ts";

/** A value as JSON has it. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** Who waits for a line to be on the disk. */
interface Waiting {
  readonly line: string;
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/** The facts of one file. Nobody else writes that file. */
export class Journal {
  readonly #path: string;
  readonly #facts = new Map<string, Json>();
  readonly #damage: readonly string[];
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #lines = 0;
  /** Whether the file may end in the middle of a line. */
  #torn = false;

  /**
   * Reads the file, if there is one. A damaged one is kept beside as `….damaged`, and written anew.
   *
   * @throws {Error} where the file system refuses
   */
  constructor(path: string) {
    this.#path = path;
    const { damage, text } = this.#read();
    this.#damage = damage;
    if (damage.length === 0) return;
    replaceFile(`${path}.damaged`, text);
    this.#compact();
  }

  /** What of the file could not be read, a line each; none if it was whole. */
  get damage(): readonly string[] {
    return this.#damage;
  }

  /** The facts, in the order in which their keys first came. */
  get facts(): ReadonlyMap<string, Json> {
    return this.#facts;
  }

  /**
   * Keeps a fact; at once for those who ask, on the disk when the promise resolves.
   *
   * @throws {Error} where the disk refuses; the fact then lasts as long as the process
   */
  set(key: string, value: Json): Promise<void> {
    this.#facts.set(key, value);
    return this.#append(JSON.stringify([key, value]));
  }

  /** Forgets a fact; like {@linkcode Journal.set}. */
  delete(key: string): Promise<void> {
    const isThere = this.#facts.delete(key);
    // The disk may still have one that was forgotten: that is under way, or was refused.
    if (!isThere && !this.#torn && !this.#writing) return Promise.resolve();
    return this.#append(JSON.stringify([key]));
  }

  /** Brings to the disk what it has refused before, if anything; like {@linkcode Journal.set}. */
  async retry(): Promise<void> {
    await this.flush();
    if (this.#torn) this.#compact();
  }

  /** Waits until nothing is being written. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  #read(): { damage: string[]; text: string } {
    const damage: string[] = [];
    const text = readFile(this.#path) ?? "";
    const lines = text.split("\n");
    // Every line ends: what follows the last end was torn off in the middle of writing.
    const tail = lines.pop();
    for (const [index, line] of lines.entries()) {
      this.#lines++;
      const record = recordOf(line);
      if (!record) damage.push(`line ${index + 1} is damaged`);
      else if (record.length === 1) this.#facts.delete(record[0]);
      else this.#facts.set(record[0], record[1]);
    }
    if (tail) damage.push(`line ${lines.length + 1} was torn off after ${tail.length} characters`);
    return { damage, text };
  }

  #append(text: string): Promise<void> {
    return new Promise((written, failed) => {
      this.#waiting.push({ line: lineOf(text), written, failed });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    // Who comes in the same turn of the event loop shares the first request, too.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#bringToDisk(batch);
        for (const { written } of batch) written();
      } catch (error) {
        this.#torn = true;
        for (const { failed } of batch) failed(error);
      }
    }
    // In the same turn as the look above: who comes later starts anew.
    this.#writing = undefined;
  }

  async #bringToDisk(batch: readonly Waiting[]): Promise<void> {
    // The facts include the batch: a new file has it. So has one after a fault, which lost lines.
    if (this.#torn || this.#lines + batch.length > COMPACT_AT + 2 * this.#facts.size) {
      return this.#compact();
    }
    using file = await Deno.open(this.#path, { append: true, create: true, mode: 0o600 });
    let rest = new TextEncoder().encode(batch.map(({ line }) => line).join(""));
    while (rest.length > 0) rest = rest.subarray(await file.write(rest));
    await file.syncData();
    if (this.#lines === 0) syncDirectory(this.#path);
    this.#lines += batch.length;
  }

  #compact(): void {
    const lines = [...this.#facts].map((fact) => lineOf(JSON.stringify(fact)));
    replaceFile(this.#path, lines.join(""));
    this.#lines = lines.length;
    this.#torn = false;
  }
}

function lineOf(text: string): string {
  return `${sumOf(text)} ${text}\n`;
}

function recordOf(line: string): [string] | [string, Json] | undefined {
  const text = line.slice(SUM_DIGITS + 1);
  return line === lineOf(text).slice(0, -1) ? JSON.parse(text) : undefined;
}

function sumOf(text: string): string {
  return crc32(text).toString(16).padStart(SUM_DIGITS, "0");
}

const SUM_DIGITS = 8;
/** A file of so many lines more than twice its facts is written anew. */
const COMPACT_AT = 1_000;
