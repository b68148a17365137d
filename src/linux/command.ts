/**
 * Runs a program that the file names: its arguments exactly, no shell, and an end within a time.
 * What the result means is for others to say.
 *
 * @see execve(2), setsid(2), kill(2)
 */

import { harmless } from "../core/text/harmless.ts";

/** How a program has ended. */
export interface CommandResult {
  readonly ok: boolean;
  /** The last line it wrote, or why it has none. */
  readonly detail: string;
  /** It was killed because its time was up. */
  readonly late?: true;
}

/** What a program is given beside its arguments. */
export interface CommandOptions {
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Told of its process, which leads a group of its own. */
  readonly spawned?: (pid: number) => void;
}

/** Runs it, and kills it with all that it started when its time is up or `signal` is aborted. */
export async function runCommand(
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
  { env = {}, spawned }: CommandOptions = {},
): Promise<CommandResult> {
  const [program = "", ...args] = command;
  if (signal.aborted) return { ok: false, detail: "not run any more" };
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      env: { ...env },
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
  spawned?.(child.pid);
  const output = new Tail();
  const reading = Promise.all([output.read(child.stdout), output.read(child.stderr)]);
  let isLate = false;
  const kill = () => killGroup(child.pid);
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutMs);
  signal.addEventListener("abort", kill);
  const { code, signal: killedBy } = await child.status;
  clearTimeout(timer);
  signal.removeEventListener("abort", kill);
  // Somebody who left the group may hold the other end for ever.
  await within(OUTPUT_MS, reading);
  output.cancel();
  if (isLate) return { ok: false, detail: `did not end within ${written(timeoutMs)}`, late: true };
  const ending = killedBy === null ? `ended with ${code}` : `ended by ${killedBy}`;
  return { ok: code === 0, detail: output.lastLine() || ending };
}

/** Kills a process that leads a group, and all that is in the group; if it has ended, nothing. */
export function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    // All of it has ended in the meantime, or it is somebody else's by now (a setuid program).
    const isGone = error instanceof Deno.errors.NotFound || error instanceof TypeError;
    if (!isGone && !(error instanceof Deno.errors.PermissionDenied)) throw error;
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
    return harmless(line).slice(-MOST_CHARACTERS);
  }
}

function written(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`;
}

async function within(boundMs: number, done: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const bound = new Promise<void>((resolve) => timer = setTimeout(resolve, boundMs));
  await Promise.race([done, bound]);
  clearTimeout(timer);
}

const KEPT_CHARACTERS = 4_096;
const MOST_CHARACTERS = 200;
const OUTPUT_MS = 100;
