/**
 * Sync groups: virtual routers that are Active together or not at all. Looks at the states of the
 * members and says which input one of them is to be given next; keeps nothing and does nothing.
 *
 * A member whose timer fires only wants to be Active until all of them do. One that yields to a
 * better router takes the others with it, without priority 0. One that cannot take part keeps all
 * of them from it, those that were Active with priority 0, until none is kept any more.
 */

import type { GroupInput, State } from "./state.ts";

/** What one member is to be given. */
export interface Alignment {
  /** Its index. */
  readonly member: number;
  readonly input: GroupInput;
}

/**
 * The next input that the group owes one of its members; `undefined` if all are in line. To be
 * asked again after each input, until then.
 */
export function align(members: readonly State[]): Alignment | undefined {
  return alignFaults(members) ?? alignOwners(members);
}

function alignFaults(members: readonly State[]): Alignment | undefined {
  const faults = members.filter(isKept).length;
  for (const [member, state] of members.entries()) {
    const fault = faults > (isKept(state) ? 1 : 0);
    const knows = state.name === "initialize" && state.siblingFault;
    // Not started, it takes no part; leaving, it is on its way already.
    const isDeaf = state.name === "leaving" || state.name === "initialize" && !state.started;
    if (!isDeaf && fault !== knows) return { member, input: { kind: "siblingFault", fault } };
  }
  return undefined;
}

function alignOwners(members: readonly State[]): Alignment | undefined {
  if (members.every(isActiveOrWants)) return give(members, isBackup, "takeOver");
  return members.some(isTakenOver) ? give(members, isActive, "siblingBackup") : undefined;
}

function give(
  members: readonly State[],
  whom: (state: State) => boolean,
  kind: "takeOver" | "siblingBackup",
): Alignment | undefined {
  const member = members.findIndex(whom);
  return member < 0 ? undefined : { member, input: { kind } };
}

/** Kept from taking part by a cause of its own, be it that only its connections are waited for. */
function isKept(state: State): boolean {
  if (state.name === "leaving") return state.then === "yield" && state.phase === "releasing";
  return state.name === "initialize" && state.started && (state.source === null || state.yields);
}

function isActiveOrWants(state: State): boolean {
  return state.name === "active" || state.name === "backup" && state.wants;
}

function isBackup(state: State): boolean {
  return state.name === "backup";
}

function isTakenOver(state: State): boolean {
  if (state.name === "leaving") return state.then !== "stop" && state.phase === "releasing";
  return state.name === "backup";
}

function isActive(state: State): boolean {
  return state.name === "active" || state.name === "leaving" && state.resumes;
}

/**
 * What trackers of all members add to the priority of each, so that they cannot go apart: the
 * greatest gain and the greatest loss there is. Not the sum, since members track the same things.
 */
export function sharedPoints(points: readonly number[]): number {
  return Math.max(0, ...points) + Math.min(0, ...points);
}
