/**
 * Planned handovers that an operator has asked for, until it is known how they have ended. What a
 * virtual router does meanwhile is for the state machine.
 */

import type { Circle } from "./circle.ts";
import type { FailoverOrder, Report, StandbyOrder } from "./orders.ts";
import type { Participant } from "./participant.ts";

/** All planned handovers of this node. */
export class Handovers {
  /** Whether this node refuses to be Active, or is about to. */
  isStandby = false;
  readonly #report: (report: Report) => void;
  readonly #circles: () => readonly Circle[];
  #pending: readonly Pending[] = [];

  /** @param circles as they are at the moment: a plan may re-form them. */
  constructor(report: (report: Report) => void, circles: () => readonly Circle[]) {
    this.#report = report;
    this.#circles = circles;
  }

  /** Hands a virtual router over, with its sync group. */
  failover({ router, holdMs, force }: FailoverOrder, circle: Circle, now: number): void {
    const active = circle.members.filter(isActive);
    for (const member of circle.members) {
      member.hold(now + holdMs);
      member.give({ kind: "handOver", then: "backup", force }, now);
    }
    this.#add({
      members: circle.members,
      beganAt: now,
      end: (ok, peer) => {
        if (!ok) { for (const member of circle.members) member.hold(-Infinity); }
        const detail = active.length > 0
          ? told(ok, peer)
          : "this node was not Active; it does not preempt";
        this.#report({ kind: "handedOver", router, ok, detail });
      },
    });
    this.settle(now);
  }

  /** Hands everything over and refuses to be Active, or no longer. */
  standby({ enabled, force }: StandbyOrder, now: number): void {
    const members = this.#circles().flatMap((circle) => circle.members);
    this.isStandby = enabled;
    for (const member of members) member.isStandby = enabled;
    if (!enabled) {
      this.#pending = this.#pending.filter(({ isStandby }) => !isStandby);
      this.#settleTracked(now);
      const detail = "this node takes part again";
      this.#report({ kind: "standby", enabled, ok: true, detail });
      return;
    }
    for (const member of members) member.give({ kind: "handOver", then: "yield", force }, now);
    this.#add({
      members,
      beganAt: now,
      isStandby: true,
      end: (ok, peer, endedAt) => {
        if (!ok) {
          this.isStandby = false;
          for (const { members } of this.#circles()) {
            for (const member of members) member.isStandby = false;
          }
          this.#settleTracked(endedAt);
        }
        this.#report({ kind: "standby", enabled: ok, ok, detail: told(ok, peer) });
      },
    });
    this.settle(now);
  }

  /** Reports what has ended. */
  settle(now: number): void {
    if (this.#pending.length === 0) return;
    const isOver = ({ members }: Pending) => members.every(({ state }) => state.name !== "leaving");
    const over = this.#pending.filter(isOver);
    this.#pending = this.#pending.filter((one) => !over.includes(one));
    for (const { members, beganAt, end } of over) {
      end(!members.some(isActive), members.find((one) => one.peerSince(beganAt)), now);
    }
  }

  #settleTracked(now: number): void {
    for (const circle of this.#circles()) circle.settleTracked(now);
  }

  #add(pending: Pending): void {
    this.#pending = [...this.#pending, pending];
  }
}

interface Pending {
  readonly members: readonly Participant[];
  readonly beganAt: number;
  readonly isStandby?: boolean;
  /** `peer` is a member that has heard a peer since. */
  readonly end: (ok: boolean, peer: Participant | undefined, now: number) => void;
}

function isActive({ state }: Participant): boolean {
  return state.name === "active";
}

function told(ok: boolean, peer: Participant | undefined): string {
  if (!ok) return "no peer has taken over: this node goes on as Active";
  return peer ? `${peer.peerName} has taken over` : "no peer has been heard";
}
