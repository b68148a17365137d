/**
 * What somebody has said of a server while it runs, where that differs from the file: facts as
 * plain data, and what they make of a plan. It keeps neither the list nor the time.
 */

import type { Family } from "../net/address.ts";
import type { AdminState, BackendPlan, ServerPlan } from "./plan.ts";

/** One field of one server that differs from the file. Plain JSON, so that it can be kept. */
export type OverrideFact = Said & (StateFact | WeightFact | ServerFact);

/** Who said it, when, why, and until when it holds. Instants are RFC 3339 in UTC. */
interface Said {
  readonly backend: string;
  readonly server: string;
  readonly by: string;
  readonly reason: string | null;
  readonly at: string;
  /** It ends by itself then; `null` means never. */
  readonly until: string | null;
}

/** Its admin state. */
export interface StateFact {
  readonly field: "state";
  readonly value: AdminState;
  /** What the file said at the time. */
  readonly file: AdminState;
  /** When its remaining connections have had their time; `null` means never, or that is done. */
  readonly deadline: Deadline | null;
}

/** Its weight. */
export interface WeightFact {
  readonly field: "weight";
  readonly value: number;
  readonly file: number;
}

/** The server itself: the file does not have it. */
export interface ServerFact {
  readonly field: "server";
  readonly value: AddedServer;
  readonly file: null;
}

/** What is said of a server that is added; the backend's defaults say the rest. */
export interface AddedServer {
  readonly address: string;
  readonly family: Family;
  readonly port: number | null;
  readonly weight: number;
}

/** What happens at a time to connections that are still open. */
export interface Deadline {
  readonly at: string;
  readonly then: "leave" | "kill";
}

/** Whether a value that was read back is a fact: of this version, and whole. */
export function isOverrideFact(value: unknown): value is OverrideFact {
  if (!isMap(value)) return false;
  const { backend, server, by, reason, at, until, field, deadline } = value;
  const isSaid = [backend, server, by, at].every((one) => typeof one === "string") &&
    [reason, until].every((one) => one === null || typeof one === "string");
  if (!isSaid) return false;
  if (field === "weight") return isWeight(value.value) && isWeight(value.file);
  if (field === "state") {
    return isState(value.value) && isState(value.file) &&
      (deadline === null || isDeadline(deadline));
  }
  return field === "server" && value.file === null && isAddedServer(value.value);
}

/** The name of what a fact is about: a later fact of the same name replaces it. */
export function overrideId(
  { backend, server, field }: Pick<OverrideFact, "backend" | "server" | "field">,
): string {
  return `${backend}:${server}:${field}`;
}

/** A server as the facts about it have it. */
export function overridden(plan: ServerPlan, facts: readonly OverrideFact[]): ServerPlan {
  let { state, weight } = plan;
  for (const fact of facts) {
    if (fact.field === "state") state = fact.value;
    else if (fact.field === "weight") weight = fact.value;
  }
  return { ...plan, state, weight };
}

/** Why a fact no longer holds beside these backends of a new file; `undefined` if it does. */
export function whyStale(
  fact: OverrideFact,
  backends: readonly BackendPlan[],
): string | undefined {
  const backend = backends.find(({ name }) => name === fact.backend);
  if (!backend) return `the file has no backend ${fact.backend} any more`;
  const server = backend.servers.find(({ name }) => name === fact.server);
  if (fact.field === "server") return server && "the file has this server now";
  // Of a server that was added the file says nothing; that it is gone is the other fact's to say.
  if (!server) return undefined;
  const said = fact.field === "state" ? server.state : server.weight;
  return said === fact.file ? undefined : `the file says ${said} now instead of ${fact.file}`;
}

/** Why there is nothing any more that a fact could be about, beside these backends and facts. */
export function whyGone(
  fact: OverrideFact,
  backends: readonly BackendPlan[],
  facts: readonly OverrideFact[],
): string | undefined {
  const { backend, server } = fact;
  const inFile = backends.find(({ name }) => name === backend)?.servers;
  const isAdded = facts.some((one) =>
    one.field === "server" && one.backend === backend && one.server === server
  );
  if (isAdded || inFile?.some(({ name }) => name === server)) return undefined;
  return `there is no server ${server} any more`;
}

function isAddedServer(value: unknown): boolean {
  if (!isMap(value)) return false;
  const { address, family, port, weight } = value;
  return typeof address === "string" && (family === 4 || family === 6) &&
    (port === null || typeof port === "number") && isWeight(weight);
}

function isDeadline(value: unknown): boolean {
  return isMap(value) && typeof value.at === "string" &&
    (value.then === "leave" || value.then === "kill");
}

function isState(value: unknown): boolean {
  return value === "ready" || value === "drain" || value === "maint";
}

function isWeight(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 256;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
