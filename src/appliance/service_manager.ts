/**
 * Tells the service manager how the appliance is: ready, stopping, alive. Without a
 * `NOTIFY_SOCKET` in the environment it does nothing. A message that cannot be delivered is lost:
 * the appliance runs with or without a listener.
 *
 * @see sd_notify(3), sd_watchdog_enabled(3)
 */

import { monotonicMs } from "../linux/clock.ts";
import type { Fd } from "../linux/libc.ts";
import { unixAddress } from "../linux/sockaddr.ts";
import { AF_UNIX, close, sendto, SOCK_DGRAM, socket } from "../linux/socket.ts";

/** What is read of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One service manager, from the start of the appliance to its end. */
export class ServiceManager {
  readonly #address: Uint8Array<ArrayBuffer> | undefined;
  readonly #watchdogMs: number | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(environment: Environment) {
    const path = environment.NOTIFY_SOCKET ?? "";
    // Sockets of other families are for virtual machines, of which systemd is no host.
    if (/^[/@]/.test(path)) this.#address = unixAddress(path);
    this.#watchdogMs = watchdogOf(environment);
  }

  /**
   * The start is over. From now on the watchdog is fed as long as `isAlive` says so; a manager that
   * asked for it restarts the appliance when it is not.
   */
  ready(status: string, isAlive: () => boolean): void {
    this.#tell("READY=1", `STATUS=${status}`);
    if (this.#watchdogMs === undefined) return;
    const feed = () => isAlive() && this.#tell("WATCHDOG=1");
    feed();
    // Three times in its period, so that one that comes late is not the end.
    this.#timer = setInterval(feed, this.#watchdogMs / 3);
  }

  /** The file is being read again: since when, tells an answer to a request from an older one. */
  reloading(): void {
    const sinceMicroseconds = Math.floor(monotonicMs() * 1e3);
    this.#tell("RELOADING=1", `MONOTONIC_USEC=${sinceMicroseconds}`, "STATUS=reloading");
  }

  /** That is over, whatever came of it: the status says what. */
  reloaded(status: string): void {
    this.#tell("READY=1", `STATUS=${status}`);
  }

  /** The planned stop has begun. The watchdog is fed until the end: connections may take long. */
  stopping(): void {
    this.#tell("STOPPING=1", "STATUS=leaving virtual routers, draining connections");
  }

  /** Feeds no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  #tell(...lines: readonly string[]): void {
    if (!this.#address) return;
    const fd: Fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) return;
    const message = new TextEncoder().encode(lines.join("\n"));
    sendto(fd, message, message.length, this.#address);
    close(fd);
  }
}

/** The watchdog's period in ms, where there is one for this process. */
function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number | undefined {
  const periodMs = Number(WATCHDOG_USEC) / 1e3;
  const isOurs = !WATCHDOG_PID || Number(WATCHDOG_PID) === Deno.pid;
  return isOurs && periodMs > 0 && Number.isFinite(periodMs) ? periodMs : undefined;
}
