/**
 * A command running inside a host of the lab, with its output kept in memory.
 */

import { DeadlinePassed, eventually } from "./wait.ts";

/** How a command is started. */
export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called with each line of standard output as it comes. */
  readonly onLine?: (line: string) => void;
}

/** A running command. */
export class Process {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended and all of its output is here. */
  readonly status: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #onLine: ((line: string) => void) | undefined;
  #stdout = "";
  #output = "";
  #partial = "";
  #ending: Deno.CommandStatus | undefined;

  constructor(name: string, command: readonly string[], options: SpawnOptions = {}) {
    this.name = name;
    this.#onLine = options.onLine;
    this.#child = new Deno.Command(command[0]!, {
      args: command.slice(1),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.env ? { env: { ...options.env } } : {}),
      ...(options.cwd ? { cwd: options.cwd } : {}),
    }).spawn();
    this.pid = this.#child.pid;
    const ended = Promise.all([
      this.#child.status,
      this.#read(this.#child.stdout, true),
      this.#read(this.#child.stderr, false),
    ]);
    this.status = ended.then(([status]) => status);
    this.#child.status.then((status) => this.#ending = status);
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /** How it has ended, in words. */
  get ending(): string {
    if (!this.#ending) return "still running";
    const { code, signal } = this.#ending;
    return signal ? `ended by ${signal}` : `ended with ${code}`;
  }

  /** Standard output so far; of very long output the end. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Standard output and standard error so far, as they came; of very long output the end. */
  get output(): string {
    return this.#output;
  }

  /** Sends a signal; nothing happens to a command that has ended. */
  kill(signal: Deno.Signal = "SIGKILL"): void {
    if (this.ended) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended since.
      if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
    }
  }

  /** Asks it to end, and kills it when it has not by the deadline. */
  async stop(signal: Deno.Signal = "SIGTERM", deadlineMs = 10_000): Promise<Deno.CommandStatus> {
    this.kill(signal);
    const late = AbortSignal.timeout(deadlineMs);
    const kill = () => this.kill("SIGKILL");
    late.addEventListener("abort", kill);
    const status = await this.#child.status;
    late.removeEventListener("abort", kill);
    return status;
  }

  /** Waits until the output matches. */
  async printed(pattern: RegExp, deadlineMs = 10_000): Promise<RegExpExecArray> {
    const probe = () => {
      const match = pattern.exec(this.#output);
      if (!match && this.ended) throw new Error(`it ${this.ending}`);
      return match;
    };
    try {
      const match = await eventually(`${this.name} prints ${pattern}`, probe, { deadlineMs });
      if (match) return match;
    } catch (error) {
      if (error instanceof DeadlinePassed) error.message += `\nIts output:\n${this.#output}`;
      throw error;
    }
    throw new DeadlinePassed(`${this.name} never printed ${pattern}`);
  }

  /** Waits for the end of the command. */
  async end(deadlineMs = 10_000): Promise<Deno.CommandStatus> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), deadlineMs);
    });
    const status = await Promise.race([this.status, late]);
    clearTimeout(timer);
    if (!status) throw new DeadlinePassed(`${this.name} did not end within ${deadlineMs} ms`);
    return status;
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>, isStdout: boolean): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#output = (this.#output + text).slice(-KEPT_CHARACTERS);
      if (!isStdout) continue;
      this.#stdout = (this.#stdout + text).slice(-KEPT_CHARACTERS);
      if (this.#onLine) this.#lines(text, this.#onLine);
    }
  }

  #lines(text: string, onLine: (line: string) => void): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
}

const KEPT_CHARACTERS = 1_000_000;
