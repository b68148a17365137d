/**
 * Servers that are added while the appliance runs, and go again: what is asked for, as far as the
 * file and their connections allow it. The file stays as it is.
 */

import { type AddServerWish, Conflict, type RemoveServerWish } from "../admin/appliance.ts";
import type { Server } from "../admin/model.ts";
import { serverPlan, whyNotAddable } from "../core/plan/added.ts";
import type { AddedServer, OverrideFact, ServerFact } from "../core/plan/override.ts";
import type { BackendPlan, Plan } from "../core/plan/plan.ts";
import type { Changes } from "./changes.ts";
import type { Cuts } from "./cuts.ts";
import type { Servers } from "./servers.ts";

/** What adding works with. */
export interface AddedServersParts {
  readonly servers: Pick<Servers, "find" | "rowOf" | "previewNew">;
  readonly changes: Pick<Changes, "add" | "remove" | "file">;
  readonly cuts: Pick<Cuts, "server">;
  /** The wall clock. */
  readonly now?: () => number;
}

/** Adds and removes servers. */
export class AddedServers {
  readonly #parts: AddedServersParts;

  constructor(parts: AddedServersParts) {
    this.#parts = parts;
  }

  /**
   * Adds a server to a backend, or makes one that was added as it is said here.
   *
   * @throws {Conflict} when the file defines it, or it cannot be checked.
   */
  async add(backend: string, server: string, wish: AddServerWish): Promise<Server> {
    const { servers, changes } = this.#parts;
    const { address, family, port, caller, reason } = wish;
    const plan = addable(changes.file, backend, server, wish);
    const weight = wish.weight ?? plan.serverDefaults.weight;
    const value: AddedServer = { address, family, port, weight };
    if (wish.dryRun) return servers.previewNew(plan, serverPlan(plan, server, value));
    const at = new Date((this.#parts.now ?? Date.now)()).toISOString();
    const said = { backend, server, by: caller.name, reason, at, until: null };
    const fact: OverrideFact & ServerFact = { ...said, field: "server", value, file: null };
    await changes.add(fact, (file) => {
      wish.requireMatch?.();
      addable(file, backend, server, wish);
    });
    const added = servers.find(backend, server);
    if (!added) throw new Conflict(`server ${backend}/${server} has just been removed`);
    return added;
  }

  /**
   * Removes a server that was added.
   *
   * @returns how many of its connections were ended.
   * @throws {Conflict} when the file defines it, or while it has connections, unless forced.
   */
  async remove(backend: string, server: string, wish: RemoveServerWish): Promise<number> {
    const { servers, changes, cuts } = this.#parts;
    const check = (file: Plan) => {
      wish.requireMatch?.();
      if (backendOf(file, backend)?.servers.some(({ name }) => name === server)) {
        throw new Conflict(
          `the file defines server ${backend}/${server}: drain it, or remove it there and reload`,
        );
      }
      const active = servers.find(backend, server)?.connections.active ?? 0;
      if (active === 0 || wish.force) return;
      throw new Conflict(
        `server ${backend}/${server} has ${active} connections: drain it first, or use force`,
      );
    };
    check(changes.file);
    if (wish.dryRun) return 0;
    const row = servers.rowOf(backend, server);
    await changes.remove(backend, server, check);
    return row !== undefined && wish.force ? cuts.server(row) : 0;
  }
}

function addable(
  file: Plan,
  backend: string,
  server: string,
  { port }: Pick<AddServerWish, "port">,
): BackendPlan {
  const plan = backendOf(file, backend);
  const why = plan ? whyNotAddable(plan, server, { port }) : `there is no backend ${backend}`;
  if (!plan || why !== undefined) throw new Conflict(why ?? "");
  return plan;
}

function backendOf({ backends }: Plan, backend: string): BackendPlan | undefined {
  return backends.find(({ name }) => name === backend);
}
