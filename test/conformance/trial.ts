/**
 * One virtual router in virtual time: gives inputs to the state machine, checks that every step
 * obeys its shape, and remembers what it asked for.
 */

import { expect } from "vitest";
import { parseAddress } from "../../src/core/net/address.ts";
import type { VirtualRouter } from "../../src/core/vrrp/router.ts";
import {
  deadline,
  initialState,
  type Input,
  type Output,
  type PublicState,
  publicState,
  type State,
  type TransitionReason,
  TRANSITIONS,
} from "../../src/core/vrrp/state.ts";
import { step } from "../../src/core/vrrp/step.ts";

/** Our own primary address in a trial. */
export const OURS = addressOf("10.0.0.5");

/** Priority 100 of version 3, one advertisement a second, addresses that expire. */
export const ROUTER: VirtualRouter = {
  version: 3,
  priority: 100,
  advertisementIntervalMs: 1000,
  preempt: true,
  preemptDelayMs: 0,
  preemptFrom: -Infinity,
  lastIntervalMs: 10,
  grouped: false,
  renewIntervalMs: 250,
  announce: { repeat: 5, delayMs: 5_000, refreshMs: 10_000, refreshRepeat: 1 },
  insistMs: null,
};

/** A virtual router under trial. */
export class Trial {
  router: VirtualRouter;
  state: State;
  now = 1_000_000;
  /** Outputs of the last call, in order. */
  outputs: readonly Output[] = [];
  /** Why the public state changed in the last call, if it did. */
  reason: TransitionReason | undefined;

  constructor(changes: Partial<VirtualRouter> = {}) {
    this.router = { ...ROUTER, ...changes };
    this.state = initialState(this.router);
  }

  give(input: Input): this {
    const before = publicState(this.state);
    const { state, outputs, reason } = step(this.router, this.state, input, this.now);
    const after = publicState(state);
    expect(reason === undefined ? before : TRANSITIONS[reason]).toBe(after);
    Object.assign(this, { state, outputs, reason });
    return this;
  }

  /** Up, started, and in whatever state that leads to. */
  started(): this {
    return this.give({ kind: "interface", source: OURS, down: false }).give({ kind: "startup" });
  }

  /** Started, and Active since just now. */
  active(): this {
    this.started();
    return this.state.name === "active" ? this : this.sleep();
  }

  /** The file says something else from now on. */
  change(changes: Partial<VirtualRouter>): this {
    this.router = { ...this.router, ...changes };
    return this.give({ kind: "parameters", priority: this.router.priority });
  }

  /** Lets time pass until the machine wants its timer, and `extraMs` more, and gives it. */
  sleep(extraMs = 0): this {
    const { state } = this;
    if (state.name === "backup" && state.attendAt < state.activeDownAt) this.wake();
    return this.wake(extraMs);
  }

  /** Gives the timer, `lateMs` after it was due, be it only to find us awake. */
  wake(lateMs = 0): this {
    this.now = Math.max(this.now, deadline(this.state) + lateMs);
    return this.give({ kind: "timer" });
  }

  /** Lets time pass, giving the timer whenever it is due; outputs are those of all of them. */
  pass(forMs: number): this {
    const until = this.now + forMs;
    const outputs: Output[] = [];
    while (deadline(this.state) <= until) outputs.push(...this.wake().outputs);
    this.now = until;
    this.outputs = outputs;
    return this;
  }

  hear(priority: number, source = "10.0.0.9", intervalMs = 1000): this {
    const advertisement = { priority, intervalMs, source: addressOf(source) };
    return this.give({ kind: "advertisement", advertisement });
  }

  /**
   * The kinds of the last outputs; advertisements with their priority, and their interval where it
   * is not our own; announcements with copies.
   */
  get did(): string[] {
    return this.outputs.map((output) => {
      if (output.kind === "sendAdvertisement") {
        const { priority, intervalMs } = output;
        const isOwn = intervalMs === this.router.advertisementIntervalMs;
        return `advertise ${priority}${isOwn ? "" : ` every ${intervalMs} ms`}`;
      }
      return output.kind === "announceAddresses" ? `announce ${output.copies}` : output.kind;
    });
  }

  /** The state that others see. */
  get shown(): PublicState {
    return publicState(this.state);
  }

  /** Milliseconds until the timer is due that leads to something. */
  get left(): number {
    const { state, now } = this;
    return (state.name === "backup" ? state.activeDownAt : deadline(state)) - now;
  }
}

/** The bytes of an address. */
export function addressOf(text: string): Uint8Array {
  return parseAddress(text)!.bytes;
}
