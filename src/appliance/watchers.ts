/**
 * How each kind of tracker finds out: a script that is run, a file that is there, an interface that
 * has a carrier. Watchers run until they are aborted and tell each result; they conclude nothing.
 */

import { dirname } from "node:path";
import type { TrackerPlan } from "../core/plan/plan.ts";
import { IFF_RUNNING, IFF_UP } from "../core/wire/rtnetlink.ts";
import { monotonicMs } from "../linux/clock.ts";
import { runCommand } from "../linux/command.ts";
import { RouteSocket } from "../linux/netlink.ts";
import { sleep } from "./sleep.ts";

/** Told of each result. */
export type Tell = (ok: boolean, detail: string) => void;

/** Watches until `signal` is aborted. */
export async function watch(plan: TrackerPlan, tell: Tell, signal: AbortSignal): Promise<void> {
  switch (plan.type) {
    case "script":
      return await watchScript(plan, tell, signal);
    case "file":
      return await watchFile(plan.path, tell, signal);
    case "interface":
      return await watchInterface(plan, tell, signal);
  }
}

/** Runs the script at its interval, never two at once. */
async function watchScript(
  { command, intervalMs, timeoutMs }: TrackerPlan & { readonly type: "script" },
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const startedAt = monotonicMs();
    const { ok, detail } = await runCommand(command, timeoutMs, signal);
    if (signal.aborted) return;
    tell(ok, detail);
    // A run that took longer has had its turn: the next one comes at the next interval.
    const tookMs = monotonicMs() - startedAt;
    await sleep(intervalMs - tookMs % intervalMs, signal);
  }
}

/** Looks whenever something changes in the file's directory, and now and then anyway. */
async function watchFile(path: string, tell: Tell, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Made anew each time: the directory may be another one by now, or have only just been made.
    using events = eventsIn(dirname(path));
    tell(...fileResult(path));
    const next = events?.[Symbol.asyncIterator]().next();
    await Promise.race([sleep(POLL_MS, signal), ...(next ? [next] : [])]);
    // Where much happens, a look now and then is enough.
    await sleep(CALM_MS, signal);
  }
}

function eventsIn(directory: string): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs(directory, { recursive: false });
  } catch {
    // There is no such directory (yet), or no inotify left: looking now and then has to do.
    return undefined;
  }
}

function fileResult(path: string): [ok: boolean, detail: string] {
  try {
    Deno.lstatSync(path);
    return [false, `${path} exists`];
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isAbsent) return [true, `${path} does not exist`];
    return [false, `${path} cannot be seen: ${error instanceof Error ? error.message : error}`];
  }
}

/** Only for what is shown: the election has the speaker's own word on interfaces. */
async function watchInterface(
  { interface: name, downDelayMs, upDelayMs }: TrackerPlan & { readonly type: "interface" },
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  using route = new RouteSocket();
  let shown: boolean | undefined;
  let differsAt = 0;
  while (!signal.aborted) {
    const links = route.links();
    const link = typeof links === "number" ? undefined : links.find((one) => one.name === name);
    const isUp = link !== undefined && (link.flags & USABLE) === USABLE;
    const now = monotonicMs();
    if (isUp === shown) differsAt = now;
    if (shown === undefined || now - differsAt >= (isUp ? upDelayMs : downDelayMs)) {
      shown = isUp;
      tell(isUp, `interface ${name} ${link ? isUp ? "is up" : "is down" : "does not exist"}`);
    }
    await sleep(INTERFACE_POLL_MS, signal);
  }
}

const USABLE = IFF_UP | IFF_RUNNING;
const POLL_MS = 1_000;
const CALM_MS = 20;
const INTERFACE_POLL_MS = 500;
