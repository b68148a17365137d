/**
 * Lines kept on disk, bounded: when the file is full it becomes the old one and a new one begins. A
 * line that was appended outlasts the process at once, and a power failure moments later, when the
 * disk has been told in the background. What a line means is for others to say.
 */

/** A file of lines that is written to. */
export class LineFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #fault: (error: unknown) => void;
  /** A failure is told once, until writing has worked again. */
  #failing = false;
  /** Whether the end of the file is known to be the end of a line. */
  #whole = false;
  #syncing: Promise<void> | undefined;
  #syncAgain = false;

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
    try {
      this.#write(new TextEncoder().encode(`${line}\n`));
      this.#failing = false;
      this.#sync();
    } catch (error) {
      if (!this.#failing) this.#fault(error);
      this.#failing = true;
      this.#whole = false;
    }
  }

  /** Waits until the disk has everything. */
  async flush(): Promise<void> {
    while (this.#syncing) await this.#syncing;
  }

  /** Into the kernel's memory, which takes microseconds: the file is opened anew each time. */
  #write(bytes: Uint8Array<ArrayBuffer>): void {
    if (sizeOf(this.#path) + bytes.length > this.#maxBytes) this.#rotate();
    using file = Deno.openSync(this.#path, { read: true, append: true, create: true });
    if (!this.#whole) endLine(file);
    writeAll(file, bytes);
    this.#whole = true;
  }

  #rotate(): void {
    if (sizeOf(this.#path) > 0) Deno.renameSync(this.#path, oldOf(this.#path));
    this.#whole = false;
  }

  /** One request to the disk at a time; what comes meanwhile shares the next. */
  #sync(): void {
    this.#syncAgain = true;
    this.#syncing ??= this.#bringToDisk().finally(() => this.#syncing = undefined);
  }

  async #bringToDisk(): Promise<void> {
    while (this.#syncAgain) {
      this.#syncAgain = false;
      try {
        using file = await Deno.open(this.#path, { read: true, write: true });
        await file.syncData();
      } catch {
        // It has just been renamed, or the disk is failing: the next line that is written says so.
      }
    }
  }
}

/** Ends a line that was torn off, so that the next one stays whole. */
function endLine(file: Deno.FsFile): void {
  const { size } = file.statSync();
  if (size === 0) return;
  const last = new Uint8Array(1);
  file.seekSync(-1, Deno.SeekMode.End);
  file.readSync(last);
  if (last[0] !== LINE_FEED) writeAll(file, Uint8Array.of(LINE_FEED));
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array<ArrayBuffer>): void {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
}

function sizeOf(path: string): number {
  try {
    const { size, isFile } = Deno.statSync(path);
    return isFile ? size : 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
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
