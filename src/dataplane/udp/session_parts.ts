/**
 * What UDP sessions need of the worker around them, and of the kernel. Types only.
 */

import type { Datagrams } from "../../linux/datagrams.ts";
import type { Doors } from "../admission.ts";
import type { Chooser } from "../chooser.ts";
import type { Driver } from "../driver.ts";
import type { Kernel } from "../kernel.ts";
import type { SourceAddresses } from "../source_addresses.ts";
import type { Tally } from "../tally.ts";

/** Datagrams by the batch: Linux, or a kernel for tests. */
export type DatagramIo = Pick<
  Datagrams,
  "words" | "receive" | "length" | "sender" | "local" | "pass" | "direct" | "send"
>;

/** What sessions need of a worker. */
export interface SessionParts {
  readonly kernel: Pick<Kernel, "socket" | "connect" | "close">;
  /** Room for so many datagrams. */
  readonly datagrams: (capacity: number) => DatagramIo;
  readonly driver: Pick<Driver, "watch" | "unwatch">;
  readonly chooser: Chooser;
  /** Gives a place at the server of a row back, for connections that wait for one. */
  readonly release: (row: number) => void;
  readonly doors: Pick<Doors, "allowsAddress" | "enter" | "leave" | "withdraw">;
  readonly sources: Pick<SourceAddresses, "bind">;
  readonly tally: Tally;
}
