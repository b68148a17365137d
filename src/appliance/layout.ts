/**
 * Where the things of a plan stand in the tables that all threads share, and what the data plane is
 * told of them. What goes leaves its last entry behind, since connections may still point there.
 * Pure: it writes no table.
 */

import { type BackendPlan, backendsOf, type FrontendPlan, type Plan } from "../core/plan/plan.ts";
import {
  isPresent,
  laidOut,
  noPlaces,
  place,
  type Placed,
  type Places,
} from "../core/plan/places.ts";
import type { Backend, Frontend } from "../dataplane/orders.ts";
import type { Row } from "../memory/server_table.ts";
import { CannotRun } from "./cannot_run.ts";

/** How many things there is room for. */
export interface Capacities {
  readonly frontends: number;
  readonly backends: number;
  /** Rows for servers; there is one row more, which is nobody's. */
  readonly rows: number;
  readonly virtualRouters: number;
}

/** A plan's things at their places. Never edited. */
export interface Layout {
  readonly frontends: Places;
  readonly backends: Places;
  /** Rows by `BACKEND/SERVER`. */
  readonly rows: Places;
  /** By backend: the indexes of its servers within it. */
  readonly members: ReadonlyMap<string, Places>;
  /** What the data plane is told; those who have gone are in it. */
  readonly orders: {
    readonly frontends: readonly Frontend[];
    readonly backends: readonly Backend[];
  };
}

/** Whether something still lives at the place of a thing that has gone. */
export interface Uses {
  readonly frontend: (index: number) => boolean;
  readonly backend: (index: number) => boolean;
  readonly row: (row: number) => boolean;
}

/** A layout, and the places that have changed hands: their counters are not the new owner's. */
export interface LaidOut {
  readonly layout: Layout;
  readonly fresh: {
    readonly frontends: readonly number[];
    readonly backends: readonly number[];
    readonly rows: readonly number[];
  };
}

/** What has frontends and backends. */
export type Traffic = Pick<Plan, "frontends" | "backends">;

/** Nothing has a place yet. */
export function emptyLayout({ frontends, backends, rows }: Capacities): Layout {
  return {
    frontends: noPlaces(frontends),
    backends: noPlaces(backends),
    rows: noPlaces(rows),
    members: new Map(),
    orders: { frontends: [], backends: [] },
  };
}

/**
 * Lays out a plan where another one has been.
 *
 * @throws {CannotRun} when there is not a place for everything.
 */
export function layOut(before: Layout, plan: Traffic, uses: Uses): LaidOut {
  const frontends = placed("frontends", before.frontends, namesOf(plan.frontends), uses.frontend);
  const backends = placed(
    "backends",
    before.backends,
    namesOf(plan.backends),
    (index) => uses.backend(index) || isReferredTo(before, index, uses),
  );
  const all = plan.backends.flatMap(({ name, servers }) =>
    servers.map((server) => rowName(name, server.name))
  );
  const rows = placed("servers", before.rows, all, uses.row);
  const members = membersOf(before, plan.backends, backends.places, uses.row);
  const rowOf = rowsOf(rows.places);
  const planned = new Map(plan.backends.map((backend) => [backend.name, backend]));
  return {
    layout: {
      frontends: frontends.places,
      backends: backends.places,
      rows: rows.places,
      members,
      orders: {
        frontends: laidOut(
          frontends.places,
          (name) => frontendOrder(found(plan.frontends, name), backends.places),
          before.orders.frontends,
        ),
        backends: backends.places.names.map((name, index) => {
          const old = before.orders.backends[index];
          const last = before.backends.names[index] === name ? old : undefined;
          const servers = members.get(name) ?? noPlaces(Infinity);
          return backendOrder(name, planned.get(name) ?? last, last, servers, rowOf);
        }),
      },
    },
    fresh: { frontends: frontends.fresh, backends: backends.fresh, rows: rows.fresh },
  };
}

/** What a server's row is known by. */
export function rowName(backend: string, server: string): string {
  return `${backend}/${server}`;
}

/** The row of a server that is in the plan. */
export function rowAt({ rows }: Layout, backend: string, server: string): Row {
  return rows.indexes.get(rowName(backend, server)) as Row;
}

/** Whether a row belongs to a server of the plan. */
export function isInPlan({ rows }: Layout, row: number): boolean {
  return isPresent(rows, row);
}

function placed(
  what: string,
  before: Places,
  names: readonly string[],
  isUsed: (index: number) => boolean,
): Placed {
  const answer = place(before, names, isUsed);
  if (answer) return answer;
  const gone =
    before.names.filter((name, index) => !before.indexes.has(name) && isUsed(index)).length;
  const going = [...before.indexes.keys()].filter((name) => !names.includes(name)).length;
  // What goes keeps its place for as long as the change may be undone.
  throw new CannotRun(
    `the file has ${names.length} ${what}` +
      (going > 0 ? `, besides ${going} that go with it` : "") +
      `, and there is room for ${before.capacity}` +
      (gone > 0 ? `, of which ${gone} are those of connections to what has gone` : "") +
      ": start lintel anew with this file" +
      (names.length + gone > before.capacity ? "" : ", or change to it in several reloads"),
  );
}

/** Whether clients of a frontend that has gone may still be led to a backend. */
function isReferredTo({ frontends, orders }: Layout, backend: number, uses: Uses): boolean {
  return orders.frontends.some((frontend, index) =>
    !isPresent(frontends, index) && uses.frontend(index) &&
    (frontend.backend === backend || frontend.routes.some((route) => route.backend === backend))
  );
}

/** The servers of each backend that has a place, also of those that have gone. */
function membersOf(
  { members: before, rows }: Layout,
  backends: readonly BackendPlan[],
  places: Places,
  isUsed: (row: number) => boolean,
): Map<string, Places> {
  const members = new Map<string, Places>();
  for (const name of places.names) {
    const { capacity, names } = before.get(name) ?? noPlaces(Infinity);
    members.set(name, { capacity, names, indexes: new Map() });
  }
  for (const { name, servers } of backends) {
    const known = before.get(name) ?? noPlaces(Infinity);
    const isTaken = (index: number) => {
      const row = rows.names.indexOf(rowName(name, known.names[index] ?? ""));
      return row >= 0 && isUsed(row);
    };
    const answer = place(known, namesOf(servers), isTaken);
    if (answer) members.set(name, answer.places);
  }
  return members;
}

/** Rows by name, of those who have gone too; what has lost its row has nobody's. */
function rowsOf({ names, capacity }: Places): (backend: string, server: string) => Row {
  const rows = new Map(names.map((name, row) => [name, row]));
  return (backend, server) => (rows.get(rowName(backend, server)) ?? capacity) as Row;
}

function frontendOrder(frontend: FrontendPlan, { indexes }: Places): Frontend {
  const indexOf = (backend: string | null) => indexes.get(backend ?? "") ?? NONE;
  return {
    ...frontend,
    // Nobody is let in where nothing would take them.
    deny: backendsOf(frontend).length === 0 ? EVERYBODY : frontend.deny,
    backend: indexOf(frontend.backend),
    routes: frontend.routes.map(({ serverNames, backend }) => ({
      serverNames,
      backend: indexOf(backend),
    })),
  };
}

/**
 * @param said by the plan, or what was said last.
 * @param last what the data plane was told of the same backend before.
 */
function backendOrder(
  name: string,
  said: Omit<Backend, "rows" | "inPlan"> | undefined,
  last: Backend | undefined,
  members: Places,
  rowOf: (backend: string, server: string) => Row,
): Backend {
  const servers = members.names.flatMap((server, index) =>
    said?.servers.find((one) => one.name === server) ?? last?.servers[index] ?? []
  );
  if (!said || servers.length < members.names.length) throw new Error(`no backend ${name}`);
  const rows = members.names.map((server) => rowOf(name, server));
  // Clients may still be led to a backend that has gone; what becomes of its servers they will see.
  const inPlan = said === last && last ? last.inPlan : [...members.indexes.values()];
  return { ...said, servers, rows, inPlan };
}

function namesOf(things: readonly { readonly name: string }[]): string[] {
  return things.map(({ name }) => name);
}

function found(frontends: readonly FrontendPlan[], name: string): FrontendPlan {
  const frontend = frontends.find((one) => one.name === name);
  if (!frontend) throw new Error(`the plan has no frontend ${name}`);
  return frontend;
}

const NONE = -1;
const EVERYBODY = ["0.0.0.0/0", "::/0"];
