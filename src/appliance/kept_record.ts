/**
 * What is kept on disk of a server's health, as plain JSON, and whether something is that. What it
 * is good for is decided elsewhere.
 */

import { CHECK_CODES, type CheckResult } from "../prober/orders.ts";

/** What is kept of a server. Instants are the wall clock's, in milliseconds since 1970. */
export interface KeptRecord {
  /** What the health depends on: address and check. */
  readonly of: string;
  readonly health: CheckResult["health"];
  readonly count: number | null;
  /** When this was written down. */
  readonly at: number;
  readonly changedAt: number | null;
  readonly lastCheck: KeptResult | null;
  readonly lastFailure: KeptResult | null;
}

/** A check's result without its row, which a restart may give to another server. */
export type KeptResult = Omit<CheckResult, "row">;

/** Whether a value from the disk is such a record of this version. */
export function isKeptRecord(value: unknown): value is KeptRecord {
  return isMap(value) && typeof value.of === "string" && isHealth(value.health) &&
    isNumber(value.at) &&
    (value.count === null || isNumber(value.count)) &&
    (value.changedAt === null || isNumber(value.changedAt)) &&
    (value.lastCheck === null || isResult(value.lastCheck)) &&
    (value.lastFailure === null || isResult(value.lastFailure));
}

function isResult(value: unknown): value is KeptResult {
  return isMap(value) && isNumber(value.at) && isNumber(value.durationMs) &&
    CHECK_CODES.some((code) => code === value.code) &&
    (value.status === undefined || isNumber(value.status)) &&
    typeof value.text === "string" && typeof value.ok === "boolean" &&
    isHealth(value.health) && typeof value.changed === "boolean";
}

function isHealth(value: unknown): value is CheckResult["health"] {
  return value === "unchecked" || value === "up" || value === "down";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
