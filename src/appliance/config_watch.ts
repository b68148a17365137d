/**
 * Watches the file that the appliance runs from: its directory and those that symbolic links lead
 * to, as a ConfigMap of Kubernetes is exchanged by one of these. It says that the text is another
 * one; whether it is any good is for others to find out.
 */

import { dirname, resolve } from "node:path";
import { sleep } from "./sleep.ts";

/** What the watch works with. */
export interface ConfigWatchParts {
  readonly file: string;
  /** Reads the file, or throws. */
  readonly read: () => string;
  /** Whether a text has not been seen yet; `undefined` is a file that cannot be read. */
  readonly isNews: (text: string | undefined) => boolean;
  readonly reload: () => void;
}

/** A watch that can be started and ended. */
export class ConfigWatch {
  readonly #parts: ConfigWatchParts;
  #running: AbortController | undefined;

  constructor(parts: ConfigWatchParts) {
    this.#parts = parts;
  }

  /** Watches from now on, or no longer. */
  set(isWanted: boolean): void {
    if (isWanted === (this.#running !== undefined)) return;
    this.#running?.abort();
    this.#running = isWanted ? new AbortController() : undefined;
    if (this.#running) void watch(this.#parts, this.#running.signal);
  }
}

async function watch(parts: ConfigWatchParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Made anew each time: the links may lead elsewhere by now.
    using events = eventsIn(directoriesOf(parts.file));
    const text = textOf(parts);
    if (parts.isNews(text)) {
      // Whoever writes may not have come to an end: only what stays is taken.
      await sleep(CALM_MS, signal);
      if (signal.aborted || textOf(parts) !== text) continue;
      if (parts.isNews(text)) parts.reload();
      await sleep(CALM_MS, signal);
      continue;
    }
    await Promise.race([sleep(POLL_MS, signal), ...(events ? [change(events)] : [])]);
    // Where much happens, a look now and then is enough.
    await sleep(CALM_MS, signal);
  }
}

/** Resolves when something has changed; that somebody reads is no change. */
async function change(events: Deno.FsWatcher): Promise<void> {
  for await (const { kind } of events) {
    if (kind !== "access") return;
  }
}

function eventsIn(directories: readonly string[]): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs([...directories], { recursive: false });
  } catch {
    // One is not there (yet), or there is no inotify left: looking now and then has to do.
    return undefined;
  }
}

/** Where a change of the file would show: beside it, and beside all that it is a link to. */
function directoriesOf(file: string): string[] {
  const directories = new Set<string>();
  let path = resolve(file);
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    directories.add(dirname(path));
    try {
      path = resolve(dirname(path), Deno.readLinkSync(path));
    } catch {
      // It is no link, or is not there.
      break;
    }
  }
  return [...directories];
}

function textOf({ read }: ConfigWatchParts): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const CALM_MS = 200;
const POLL_MS = 5_000;
const MOST_HOPS = 16;
