/**
 * The log: one line an event on standard error, as text or JSON.
 */

import { configure, getJsonLinesFormatter, getLogger, type LogRecord } from "@logtape/logtape";
import { harmless } from "../core/text/harmless.ts";
import type { LogPlan } from "../core/plan/plan.ts";
import { PERIOD_MS, Repeats } from "./repeats.ts";

/** A value that a log line may carry. */
export type Property = string | number | boolean | null;

/** Writes log lines; each engine's reports go through the one of its name. */
export interface Log {
  write(
    level: LogPlan["level"],
    message: string,
    properties?: Readonly<Record<string, unknown>>,
  ): void;
}

/** Sets the log up: before the first line, and again where the plan has another. */
export async function configureLog({ level, format }: LogPlan): Promise<void> {
  const write = format === "json" ? getJsonLinesFormatter() : textLine;
  const encoder = new TextEncoder();
  await configure({
    reset: true,
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encoder.encode(write(record))) },
    loggers: [
      { category: "lintel", lowestLevel: level === "warn" ? "warning" : level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/**
 * The log of one part of the appliance: `appliance`, `speaker`, `dataplane-0`, `prober`, `admin`.
 * The same message again and again is written a few times, and then counted.
 */
export function logOf(part: string): Log {
  const logger = getLogger(["lintel", part]);
  const put: Log["write"] = (level, message, properties = {}) => {
    // The message is data here, not a template: braces in it must stay as they are.
    const template = message.replaceAll("{", "{{").replaceAll("}", "}}");
    logger[level](template, { ...properties });
  };
  const repeats = new Repeats<Parameters<Log["write"]>>(([level, message, properties], count) => {
    const periodSeconds = PERIOD_MS / 1e3;
    put(level, `${message} (held back)`, { ...properties, count, periodSeconds });
  });
  return {
    write(level, message, properties) {
      if (repeats.admit(message, [level, message, properties])) put(level, message, properties);
    },
  };
}

/**
 * `2026-01-31T08:00:00.000Z warning speaker: text key=value`. One line also where the message is an
 * error with its stack.
 */
export function textLine(record: LogRecord): string {
  const at = new Date(record.timestamp).toISOString();
  const part = record.category.slice(1).join(".");
  const properties = Object.entries(record.properties)
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? quoted(value) : value}`)
    .join("");
  const line = `${at} ${record.level} ${part}: ${record.message.join("")}${properties}`;
  return `${harmless(line)}\n`;
}

function quoted(value: string): string {
  return /^[\w.:/*-]+$/.test(value) ? value : JSON.stringify(value);
}
