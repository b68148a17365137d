/**
 * What another plan means for connections that are under way. None of them ends of it: whoever
 * reads, waits or relays goes on by what the plan says now. Not for the hot path.
 */

import type { Clients } from "./clients.ts";
import { isAlike } from "./alike.ts";
import {
  FREE,
  HELD,
  IN_LINE,
  KEPT,
  LEAVING,
  NO_ROW,
  PASSED,
  RELAYING,
} from "./connection_table.ts";
import type { Parts } from "./connector.ts";
import type { Backend } from "./orders.ts";
import type { Preface } from "./preface.ts";
import type { Queues } from "./queues.ts";
import { NO_SERVER } from "../core/balance/balancer.ts";

/** What is to be told of a new plan. */
export interface ReplanningParts extends Pick<Parts, "chooser" | "table" | "wheel"> {
  readonly clients: Clients;
  readonly preface: Preface;
  readonly queues: Queues;
}

/**
 * Lets the slots of a table go on with other backends, of which all parts know already.
 *
 * @param former the backends of the plan before, by index.
 */
export function replan(
  parts: ReplanningParts,
  former: readonly Backend[],
  backends: readonly Backend[],
  now: number,
): void {
  const { table, preface } = parts;
  const isOther = (index: number, key: keyof Backend) =>
    index < former.length && !isAlike(former[index]![key], backends[index]![key]);
  const isSplit = (backend: Backend | undefined) => backend?.balance === "source";
  const haveOtherQueues = backends.map((backend, index) =>
    isSplit(former[index]) !== isSplit(backend)
  );
  const haveOtherTimeouts = backends.map((_, index) =>
    isOther(index, "idleTimeoutMs") || isOther(index, "halfClosedTimeoutMs")
  );
  const areKeptOtherwise = backends.map((_, index) => isOther(index, "keepalive"));
  const inLine: number[] = [];
  for (let slot = 0; slot < table.capacity; slot++) {
    const phase = table.phase[slot]!;
    if (phase === FREE || phase === LEAVING) continue;
    const backend = table.backend[slot]!;
    if (phase === HELD) {
      preface.reconsider(slot, now);
    } else if (phase === RELAYING) {
      if (haveOtherTimeouts[backend]) hasten(parts, slot, now);
      // The options are set when it is looked at next.
      if (areKeptOtherwise[backend]) table.flags[2 * slot + 1]! &= ~KEPT;
    } else if (haveOtherQueues[backend]) {
      identify(parts, slot);
      if (phase === IN_LINE) inLine.push(slot);
    }
  }
  // In the order in which they came, as far as it is known.
  inLine.sort((left, right) => table.attemptAt[left]! - table.attemptAt[right]!);
  for (const slot of inLine) requeue(parts, slot);
}

/** A shorter timeout holds for those that are silent already. */
function hasten({ chooser, table, wheel }: ReplanningParts, slot: number, now: number): void {
  const { halfClosedTimeoutMs, idleTimeoutMs } = chooser.backend(slot);
  const ended = ((table.flags[2 * slot]! | table.flags[2 * slot + 1]!) & PASSED) !== 0;
  const timeoutMs = ended ? halfClosedTimeoutMs : idleTimeoutMs;
  const deadline = Math.max(now, table.lastActiveAt[slot]! + timeoutMs);
  if (wheel.dueAt(slot) > deadline) wheel.schedule(slot, deadline);
}

/** Its client may have a server of his own now, at this attempt or the next. */
function identify({ chooser, clients, table }: ReplanningParts, slot: number): void {
  if (chooser.backend(slot).balance !== "source" || table.clientKey[slot] !== 0) return;
  table.clientKey[slot] = clients.key(slot);
}

/** Lets a slot wait in one of the queues that its backend has now; nobody is turned away of it. */
function requeue({ chooser, queues, table }: ReplanningParts, slot: number): void {
  const backend = chooser.backendOf(slot);
  const before = queues.row(slot);
  const chosen = chooser.chooseQueue(slot);
  const server = chosen === NO_SERVER ? table.server[slot]! : chosen;
  const row = server === NO_SERVER ? NO_ROW : chooser.rowOf(backend, server);
  queues.move(slot, queues.queueOf(backend, row), row, null);
  table.server[slot] = server;
  for (const changed of [before, row]) if (changed !== NO_ROW) chooser.look(changed);
}
