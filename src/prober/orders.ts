/**
 * What the appliance and the prober say to each other. Plain data that can be cloned; no behaviour.
 */

import type { AgentWords } from "../core/plan/agent.ts";
import type { CheckPlan } from "../core/plan/plan.ts";
import type { CountersShape } from "../memory/counters.ts";
import type { AdminState, Health, Row } from "../memory/server_table.ts";

/** What the appliance posts to the prober. */
export type Order = StartOrder | PlanOrder | AdminOrder | StopOrder;

/** The first order: everything the prober works with. */
export interface StartOrder {
  readonly kind: "start";
  /** The servers that have a check; servers without one are not the prober's business. */
  readonly servers: readonly CheckedServer[];
  /** The agents that are asked beside checks. */
  readonly agents: readonly AskedAgent[];
  /**
   * Memory of the `ServerTable`. A row in maint is not checked. A row that is up or down already
   * (it was before a restart) stays so, with the count that the table has, until checks say
   * otherwise.
   */
  readonly serverTable: SharedArrayBuffer;
  /** What the data plane counts of each server: columns SERVER_COUNTERS, by row. */
  readonly serverCounters: CountersShape;
  /** Memory of the `WorkerTable`, and the prober's row in it. */
  readonly workerTable: SharedArrayBuffer;
  readonly worker: number;
  /** From `scriptMemory`: which scripts run, to be killed if the prober dies. */
  readonly scripts: SharedArrayBuffer;
  /** From `pollerMemory` for two sockets a server that there may be: what to close if it dies. */
  readonly descriptors: SharedArrayBuffer;
  /** Decides how checks are spread in time; two nodes had better differ. */
  readonly seed: number;
}

/** One server and the check it must pass. */
export interface CheckedServer {
  readonly row: Row;
  readonly backend: string;
  readonly server: string;
  /** The server's own address; `check.address` comes before it. */
  readonly address: string;
  /** The server's own port; `check.port` comes before it. 0 only where a script needs none. */
  readonly port: number;
  readonly check: CheckPlan;
  /** The version of the PROXY header that a check begins with; `null` means none. */
  readonly proxyProtocol: "v1" | "v2" | null;
}

/**
 * From now on these servers are checked, and no others; answered by `planned`. What is known of a
 * server counts on as long as its row, name, address and port are the same:
 *
 * - An entry that is the same throughout is not touched: neither its schedule nor its counts.
 * - A check that has changed starts anew at once; the row keeps its health, with full count.
 * - At a row that was not checked what the table has counts, as at the start.
 * - A row that is another server's now, or has another address or port, is unchecked. A server that
 *   has moved and is the last of its backend that serves does so until its first check has failed.
 * - A row that is left out keeps the health that it has; what is under way there is aborted.
 */
export interface PlanOrder {
  readonly kind: "plan";
  readonly servers: readonly CheckedServer[];
  /** Likewise; what an agent has said that is left out, or is another now, no longer counts. */
  readonly agents: readonly AskedAgent[];
}

/** An agent that says how a server is. */
export interface AskedAgent {
  readonly row: Row;
  readonly backend: string;
  readonly server: string;
  readonly address: string;
  readonly port: number;
  /** Between two questions, and how long an answer may take. */
  readonly intervalMs: number;
  /** What it is sent first; `null` means nothing. */
  readonly send: string | null;
}

/**
 * An operator has changed a server's state, and the table says so already. Maint stops the checks
 * and makes the server unchecked; leaving maint checks it at once; drain changes nothing here.
 */
export interface AdminOrder {
  readonly kind: "admin";
  readonly row: Row;
  readonly state: AdminState;
}

/** Checks end, `stopped` is the answer, and the worker closes itself. */
export interface StopOrder {
  readonly kind: "stop";
}

/** What the prober posts to the appliance. */
export type Report =
  | ReadyReport
  | PlannedReport
  | ResultsReport
  | AgentReport
  | LogReport
  | StoppedReport;

/** Checks run. */
export interface ReadyReport {
  readonly kind: "ready";
}

/** The plan is in force: rows that it leaves out are no longer written. */
export interface PlannedReport {
  readonly kind: "planned";
}

/** Finished checks, oldest first: at once after a change of health, else several in one message. */
export interface ResultsReport {
  readonly kind: "results";
  readonly results: readonly CheckResult[];
}

/** An agent has said something else than before, or the same for the first time in a plan. */
export interface AgentReport {
  readonly kind: "agent";
  readonly row: Row;
  readonly line: string;
  readonly isNew: boolean;
  readonly words: AgentWords;
}

/** How one check ended, and what that made of the server. The table says so already. */
export interface CheckResult {
  readonly row: Row;
  /** When it ended: monotonic, in milliseconds. */
  readonly at: number;
  readonly code: CheckCode;
  /** The status of an HTTP answer. */
  readonly status?: number;
  readonly durationMs: number;
  /**
   * The cause in words; after `L7STS` the first kilobyte of the body; empty after a plain success.
   */
  readonly text: string;
  readonly ok: boolean;
  /** The server's health after this result. */
  readonly health: Health;
  /** Whether this result changed it. */
  readonly changed: boolean;
}

/**
 * How far a check came and how it ended, in HAProxy's words: layer 4 is the connection, layer 6
 * TLS, layer 7 HTTP, DNS or what was expected, PROC a script; TOUT is a timeout, CON a failed
 * connection, RSP an invalid answer, STS an answer with a status that was not asked for, and
 * SOCKERR a failure of our own host. PASSIVE is no check: connections of clients have failed.
 */
export type CheckCode = (typeof CHECK_CODES)[number];

/** All of them. */
export const CHECK_CODES = [
  "L4OK",
  "L4TOUT",
  "L4CON",
  "L6OK",
  "L6TOUT",
  "L6RSP",
  "L7OK",
  "L7TOUT",
  "L7RSP",
  "L7STS",
  "PASSIVE",
  "PROCOK",
  "PROCERR",
  "PROCTOUT",
  "SOCKERR",
] as const;

/** Something worth a line in the log beside changes of health, which the appliance logs itself. */
export interface LogReport {
  readonly kind: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The last report. */
export interface StoppedReport {
  readonly kind: "stopped";
}
