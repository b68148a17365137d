/**
 * Where a verb reads its surroundings and writes what it says. Tests put their own in its place.
 */

/** How much fits on a terminal. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** Standard output and error, the environment, the clock. */
export interface Terminal {
  /** Data: what another program may read. */
  out(text: string): void;
  /** Progress and complaints. */
  err(text: string): void;
  env(name: string): string | undefined;
  /** Whether colours are wanted on standard output. */
  readonly colours: boolean;
  /** Whether standard error is a terminal, where a line can be written over. */
  readonly live: boolean;
  /** The size of standard output as it is now; `undefined` where it is no terminal. */
  screen(): Screen | undefined;
  /** Monotonic. */
  now(): number;
  pause(durationMs: number): Promise<void>;
}

/** The terminal that this process was started from. */
export function processTerminal(): Terminal {
  const plain = Deno.noColor || Deno.env.get("TERM") === "dumb";
  return {
    out: (text) => write(Deno.stdout, text),
    err: (text) => write(Deno.stderr, text),
    env: (name) => Deno.env.get(name),
    colours: !plain && Deno.stdout.isTerminal(),
    screen: () => Deno.stdout.isTerminal() ? Deno.consoleSize() : undefined,
    live: !plain && Deno.stderr.isTerminal(),
    now: () => performance.now(),
    pause: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
  };
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    // The reader has seen enough, as `head` does.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
