/**
 * What the appliance posts to the speaker's worker, and what the worker posts back. Plain data.
 */

import type { VirtualRouterPlan } from "../core/plan/plan.ts";
import type { PublicState, TransitionReason } from "../core/vrrp/state.ts";
import type { HistogramShape } from "../memory/histogram.ts";
import type { RouterTableShape } from "../memory/router_table.ts";

/** What the appliance asks of the speaker. */
export type Order = StartOrder | StopOrder | ReleasedOrder;

/** Take part in these virtual routers. The first order, once. */
export interface StartOrder {
  readonly kind: "start";
  /** A virtual router's row in the router table is its index here. */
  readonly routers: readonly VirtualRouterPlan[];
  /** The speaker's row in the worker table and in `lag`. */
  readonly worker: number;
  /** Memory of the worker table. */
  readonly workers: SharedArrayBuffer;
  /** An eventfd that is written after each further order has been posted and counted. */
  readonly wake: number;
  readonly table: RouterTableShape;
  /** Lateness of the worker's deadlines; `null` if nobody wants it. */
  readonly lag: HistogramShape | null;
}

/** Leave every virtual router in the planned way; a second one leaves at once. */
export interface StopOrder {
  readonly kind: "stop";
}

/** The data plane has no listener and no connection on the addresses of `router` any more. */
export interface ReleasedOrder {
  readonly kind: "released";
  readonly router: string;
}

/** What the speaker tells the appliance. */
export type Report =
  /** Left-over addresses are gone and the virtual routers take part. */
  | { readonly kind: "ready" }
  | LogReport
  | TransitionReport
  /** Close what listens on these addresses, reset what is connected, then order `released`. */
  | {
    readonly kind: "releaseConnections";
    readonly router: string;
    readonly addresses: readonly string[];
  }
  /** Every virtual router has been left; the worker may be terminated. */
  | { readonly kind: "stopped" }
  | FailedReport;

/** A line for the log. */
export interface LogReport {
  readonly kind: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
}

/** A virtual router has changed its state. */
export interface TransitionReport {
  readonly kind: "transition";
  readonly router: string;
  readonly from: PublicState;
  readonly to: PublicState;
  readonly reason: TransitionReason;
  /** CLOCK_MONOTONIC, in milliseconds. */
  readonly at: number;
  /** What led to it, in words. */
  readonly detail: string;
}

/** The speaker cannot run on this host. */
export interface FailedReport {
  readonly kind: "failed";
  /** The capability that is missing, such as `CAP_NET_RAW`; `null` if it is something else. */
  readonly capability: string | null;
  readonly message: string;
}
