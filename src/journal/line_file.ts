/**
 * Lines kept on disk, bounded: when the file is full it becomes the old one and a new one begins.
 * Writing happens in the background and in order; whoever appends never waits for the disk. What a
 * line means is for others to say.
 */

/** A file of lines that is written to. */
export class LineFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #fault: (error: unknown) => void;
  readonly #pending: string[] = [];
  /** Settles when all that was appended has been written, or could not be. */
  #writing: Promise<void> | undefined;
  /** A failure is told once, until writing has worked again. */
  #failing = false;
  /** Whether the end of the file is known to be the end of a line. */
  #whole = false;

  /** `fault` is told when the disk refuses; lines are lost then, and nothing else happens. */
  constructor(path: string, maxBytes: number, fault: (error: unknown) => void) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#fault = fault;
  }

  /** The lines of the old file and then of this one; none where there is no file. */
  read(): string[] {
    // What follows the last end of a line was torn off in the middle of writing.
    return [oldOf(this.#path), this.#path].flatMap((path) => textOf(path).split("\n").slice(0, -1));
  }

  /** Adds a line; it must hold no end of line. */
  append(line: string): void {
    this.#pending.push(line);
    if (this.#pending.length > MOST_PENDING) this.#pending.shift();
    this.#writing ??= this.#write().finally(() => this.#writing = undefined);
  }

  /** Waits until everything has been written. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const lines = this.#pending.splice(0);
      try {
        await this.#writeLines(lines);
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) this.#fault(error);
        this.#failing = true;
        this.#whole = false;
      }
    }
  }

  async #writeLines(lines: readonly string[]): Promise<void> {
    const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
    if (await this.#size() + bytes.length > this.#maxBytes) await this.#rotate();
    using file = await Deno.open(this.#path, { read: true, append: true, create: true });
    if (!this.#whole) await endLine(file);
    await writeAll(file, bytes);
    await file.syncData();
    this.#whole = true;
  }

  async #size(): Promise<number> {
    try {
      return (await Deno.stat(this.#path)).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
  }

  async #rotate(): Promise<void> {
    try {
      await Deno.rename(this.#path, oldOf(this.#path));
    } catch (error) {
      // One write larger than a whole file, into none.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    this.#whole = false;
  }
}

/** Ends a line that was torn off, so that the next one stays whole. */
async function endLine(file: Deno.FsFile): Promise<void> {
  const { size } = await file.stat();
  if (size === 0) return;
  const last = new Uint8Array(1);
  await file.seek(-1, Deno.SeekMode.End);
  await file.read(last);
  if (last[0] !== LINE_FEED) await writeAll(file, Uint8Array.of(LINE_FEED));
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await file.write(rest));
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // What cannot be read cannot be shown; that it cannot be written will be told.
    return "";
  }
}

function oldOf(path: string): string {
  return `${path}.1`;
}

const LINE_FEED = 10;
/** Lines that may wait for the disk; the oldest of more are lost. */
const MOST_PENDING = 1_000;
