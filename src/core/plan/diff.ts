/**
 * What differs between two plans of one node, as a list of changes in the order they are to be
 * applied: first what is new or other, and then what goes. It applies nothing.
 */

import type { ListenerPlan, Plan } from "./plan.ts";

/** Something that the second plan has, has no more, or has otherwise. */
export interface Change {
  readonly kind: "add" | "change" | "remove";
  readonly what: Thing;
  /** Its name in the file; a server's is `BACKEND/SERVER`, a listener's `FRONTEND ADDRESS:PORT`. */
  readonly name: string;
  /** What is other than before; empty unless the kind is `change`. */
  readonly fields: readonly FieldChange[];
}

/** What a change is about; a setting is a key of the file that stands for itself. */
export type Thing =
  | "setting"
  | "tracker"
  | "backend"
  | "server"
  | "frontend"
  | "listener"
  | "virtualRouter"
  | "syncGroup";

/** One field that is other than before; `undefined` where one of the plans has none. */
export interface FieldChange {
  /** As in the plan, with dots: `check.intervalMs`. */
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** The changes that make one plan of the other. */
export function diff(from: Plan, to: Plan): Change[] {
  const before = thingsOf(from);
  const after = thingsOf(to);
  const present = [...after].flatMap(([key, { what, name, value }]): Change[] => {
    const old = before.get(key);
    if (!old) return [{ kind: "add", what, name, fields: [] }];
    const fields = [...differences(old.value, value, "")];
    return fields.length === 0 ? [] : [{ kind: "change", what, name, fields }];
  });
  // What refers to others goes before them: the reverse of the order in which they came.
  const gone = [...before].reverse().flatMap(([key, { what, name }]): Change[] =>
    after.has(key) ? [] : [{ kind: "remove", what, name, fields: [] }]
  );
  return [...present, ...gone];
}

/** A listener's address, port and protocol, as the file writes them. */
export function listenerName(
  { address, port, protocol }: Omit<ListenerPlan, "virtualRouter">,
): string {
  const endpoint = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return protocol === "udp" ? `${endpoint}/udp` : endpoint;
}

/** A part of a plan that has a name of its own. */
interface Named {
  readonly what: Thing;
  readonly name: string;
  readonly value: unknown;
}

/** All parts by identity, each after those that it refers to. */
function thingsOf(plan: Plan): Map<string, Named> {
  // The hash is of the text, which may differ where nothing else does.
  const { hash: _, trackers, backends, frontends, virtualRouters, syncGroups, ...settings } = plan;
  const things = new Map<string, Named>();
  const put = (what: Thing, name: string, value: unknown, identity = name) =>
    things.set(`${what} ${identity}`, { what, name, value });
  for (const [key, value] of Object.entries(settings)) put("setting", key, value);
  for (const tracker of trackers) put("tracker", tracker.name, tracker);
  for (const { servers, ...backend } of backends) {
    put("backend", backend.name, backend);
    for (const server of servers) put("server", `${backend.name}/${server.name}`, server);
  }
  for (const { listeners, ...frontend } of frontends) {
    put("frontend", frontend.name, frontend);
    for (const listener of listeners) {
      const name = `${frontend.name} ${listenerName(listener)}`;
      // A listener is nothing but its address: another one is another listener.
      put("listener", name, null, `${frontend.name} ${JSON.stringify(listener)}`);
    }
  }
  for (const router of virtualRouters) put("virtualRouter", router.name, router);
  for (const group of syncGroups) put("syncGroup", group.name, group);
  return things;
}

/** The leaves that differ; a list counts as one leaf, since its order matters. */
function* differences(from: unknown, to: unknown, path: string): Generator<FieldChange> {
  if (isMap(from) && isMap(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      yield* differences(from[key], to[key], path === "" ? key : `${path}.${key}`);
    }
  } else if (JSON.stringify(from) !== JSON.stringify(to)) {
    yield { path, from, to };
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
