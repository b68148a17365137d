/**
 * What stands between a client that has been accepted and the choice of its server: who is let in,
 * and what has to be read from him first. Types, and the gate that is always open.
 */

import type { Closing } from "./closing.ts";

/** Asked about each client before a server is chosen. It finds bytes through the `Intake`. */
export interface Gate {
  /** The client of a slot has just been accepted; nothing has been read from it. */
  enter(slot: number, now: number): Passage;
  /** After READ: the client has sent more, ended or failed. */
  readable(slot: number, now: number): Passage;
  /** After HOLD or READ: the deadline that the gate set in the wheel, or a minute has passed. */
  expire(slot: number, now: number): Passage;
}

/** What becomes of a client: a server, a wait, or its end for a reason. */
export type Passage = typeof PASS | typeof HOLD | typeof READ | Closing;

/** A server may be chosen. */
export const PASS = -1;
/** It waits for its deadline. */
export const HOLD = -2;
/** It waits for more bytes, or for its deadline. */
export const READ = -3;

/** Lets everybody in. */
export const OPEN_GATE: Gate = {
  enter: () => PASS,
  readable: () => PASS,
  expire: () => PASS,
};
