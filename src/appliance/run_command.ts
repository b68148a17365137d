/**
 * Runs a program that the file names: its arguments exactly, no shell, and an end within a time.
 * What the result means is for others to say.
 */

import { formatDuration } from "../config/duration.ts";
import { sleep } from "./sleep.ts";

/** How a program has ended. */
export interface CommandResult {
  readonly ok: boolean;
  /** The last line it wrote, or why it has none. */
  readonly detail: string;
}

/** Runs it, and kills it with all that it started when its time is up or `signal` is aborted. */
export async function runCommand(
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CommandResult> {
  const [program = "", ...args] = command;
  if (signal.aborted) return { ok: false, detail: "not run any more" };
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A process group of its own, which can be killed as a whole.
      detached: true,
    }).spawn();
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return { ok: false, detail: `cannot be run: ${cause}` };
  }
  const output = new Tail();
  const reading = Promise.all([output.read(child.stdout), output.read(child.stderr)]);
  const ended = new AbortController();
  const status = child.status.finally(() => ended.abort());
  const timer = sleep(timeoutMs, AbortSignal.any([signal, ended.signal])).then(() => {
    if (ended.signal.aborted) return false;
    killGroup(child.pid);
    return true;
  });
  const [{ code, signal: killedBy }, isLate] = await Promise.all([status, timer]);
  // Somebody who left the group may hold the other end for ever.
  await Promise.race([reading, sleep(OUTPUT_MS)]);
  output.cancel();
  if (isLate) return { ok: false, detail: `did not end within ${formatDuration(timeoutMs)}` };
  const ending = killedBy === null ? `ended with ${code}` : `ended by ${killedBy}`;
  return { ok: code === 0, detail: output.lastLine() || ending };
}

function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    // All of it has ended in the meantime.
    if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
  }
}

/** The end of what a program writes, to either stream. */
class Tail {
  #text = "";
  readonly #readers: ReadableStreamDefaultReader<string>[] = [];

  async read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#readers.push(reader);
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        this.#text = (this.#text + value).slice(-KEPT_CHARACTERS);
      }
    } catch {
      // Cancelled, or closed by the other side: what has come has come.
    }
  }

  cancel(): void {
    for (const reader of this.#readers) reader.cancel().catch(() => {});
  }

  lastLine(): string {
    const line = this.#text.trimEnd().split(/[\r\n]/).at(-1) ?? "";
    // Control characters are none of a status's business.
    return line.replaceAll(/\p{Cc}/gu, " ").slice(-MOST_CHARACTERS);
  }
}

const KEPT_CHARACTERS = 4_096;
const MOST_CHARACTERS = 200;
const OUTPUT_MS = 100;
