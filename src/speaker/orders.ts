/**
 * What the appliance posts to the speaker's worker, and what the worker posts back. Plain data.
 */

import type { SyncGroupPlan, TrackerPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import type { Tracked } from "../core/track/combine.ts";
import type { PublicState, TransitionReason } from "../core/vrrp/state.ts";
import type { HistogramShape } from "../memory/histogram.ts";
import type { ReleaseLaneShape } from "../memory/release_lane.ts";
import type { RouterTableShape } from "../memory/router_table.ts";

/** What the appliance asks of the speaker. */
export type Order =
  | StartOrder
  | ParticipateOrder
  | PlanOrder
  | TrackOrder
  | FailoverOrder
  | UnholdOrder
  | StandbyOrder
  | StopOrder
  | ReleasedOrder;

/** Remove what a predecessor has left, and listen. The first order, once. */
export interface StartOrder extends SpeakerPlan {
  readonly kind: "start";
  /** Whether it takes part at once, without a {@linkcode ParticipateOrder}. */
  readonly participate: boolean;
  /** As a predecessor had them, and the plan does not: what is left of them goes, too. */
  readonly former?: readonly VirtualRouterPlan[];
  /** The speaker's row in the worker table and in `lag`. */
  readonly worker: number;
  /** Memory of the worker table. */
  readonly workers: SharedArrayBuffer;
  /** An eventfd that is written after each further order has been posted and counted. */
  readonly wake: number;
  /** How data-plane workers are asked for releases without a message. */
  readonly release?: {
    readonly lane: ReleaseLaneShape;
    /** The workers' eventfds. */
    readonly workers: readonly number[];
  };
  readonly table: RouterTableShape;
  /** Lateness of the worker's deadlines; `null` if nobody wants it. */
  readonly lag: HistogramShape | null;
}

/** All that the speaker is to carry out. */
export interface SpeakerPlan {
  /**
   * A virtual router's row in the router table is its index here: the same for as long as it lives.
   * `null` where a row is nobody's.
   */
  readonly routers: readonly (VirtualRouterPlan | null)[];
  /** Virtual routers that are Active together or not at all. */
  readonly groups: readonly SyncGroupPlan[];
  /** Those of interfaces are the speaker's own; the others come as {@linkcode TrackOrder}. */
  readonly trackers: readonly TrackerPlan[];
}

/**
 * Go by another plan from now on. What is the same in both is not touched. What is no more, or
 * cannot change while it runs, leaves in the planned way first; then the rest follows, and the
 * answer: `planned`.
 */
export interface PlanOrder extends SpeakerPlan {
  readonly kind: "plan";
}

/**
 * What held the start back is over: take part, each virtual router not before its `startDelayMs`
 * since the start order.
 */
export interface ParticipateOrder {
  readonly kind: "participate";
}

/**
 * What the appliance's trackers make of a virtual router: all but those of interfaces. Replaces the
 * order before it. Within a sync group the greatest gain and the greatest loss of any member hold
 * for all of them, and so does a yield.
 */
export interface TrackOrder {
  readonly kind: "track";
  readonly router: string;
  /** Added to the configured priority. */
  readonly points: number;
  /** Why it must be given up, in words; `null` if it need not. */
  readonly yield: string | null;
}

/**
 * Hand a virtual router over to a peer, with its whole sync group, and preempt nobody for `holdMs`.
 * Answered by a {@linkcode HandedOverReport}. Unless `force`, this node goes on as Active if no
 * peer takes over.
 */
export interface FailoverOrder {
  readonly kind: "failover";
  readonly router: string;
  readonly holdMs: number;
  readonly force: boolean;
}

/** `preempt` applies again to the virtual router and its sync group. */
export interface UnholdOrder {
  readonly kind: "unhold";
  readonly router: string;
}

/**
 * Hand every virtual router over and refuse to be Active; or no longer. Answered by a
 * {@linkcode StandbyReport}. Unless `force`, all is as before if a peer fails to take over.
 */
export interface StandbyOrder {
  readonly kind: "standby";
  readonly enabled: boolean;
  readonly force: boolean;
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
  /** Left-over addresses are gone and advertisements are heard. */
  | { readonly kind: "ready" }
  /** What had to leave for a {@linkcode PlanOrder} has left, and the rest is as it says. */
  | { readonly kind: "planned" }
  | LogReport
  | TransitionReport
  /** Close what listens on these addresses, reset what is connected, then order `released`. */
  | {
    readonly kind: "releaseConnections";
    readonly router: string;
    readonly addresses: readonly string[];
  }
  | HandedOverReport
  | StandbyReport
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
  /** Effective, after the change. */
  readonly priority: number;
  /** What had been counted by then, by name: before what was sent for the change. */
  readonly counters: Readonly<Record<string, number>>;
  /** Trackers of interfaces: the speaker's own word on them. */
  readonly interfaces: readonly Tracked[];
  /** The peer heard last, and what it said; `null` if none ever was. */
  readonly peer: { readonly address: string; readonly priority: number } | null;
  /** How long ago the last advertisement of a peer was heard; `null` if none ever was. */
  readonly lastAdvertisementAgeMs: number | null;
  /** How much later than wanted the thread woke up before this. */
  readonly latenessMs: number;
  /** What all trackers together add to the configured priority. */
  readonly points: number;
  /** Why it is given up, in words; `null` if it is not. */
  readonly yield: string | null;
}

/** How a {@linkcode FailoverOrder} has ended. */
export interface HandedOverReport {
  readonly kind: "handedOver";
  /** As in the order. */
  readonly router: string;
  readonly ok: boolean;
  /** What has become of it, in words. */
  readonly detail: string;
}

/** How a {@linkcode StandbyOrder} has ended. */
export interface StandbyReport {
  readonly kind: "standby";
  /** Whether this node is in standby now. */
  readonly enabled: boolean;
  readonly ok: boolean;
  readonly detail: string;
}

/** The speaker cannot run on this host. */
export interface FailedReport {
  readonly kind: "failed";
  /** The capability that is missing, such as `CAP_NET_RAW`; `null` if it is something else. */
  readonly capability: string | null;
  readonly message: string;
}
