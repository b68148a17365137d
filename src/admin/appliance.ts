/**
 * What the admin API needs of the appliance. The appliance satisfies it; nothing here does
 * anything.
 */

import type { Role } from "../core/plan/plan.ts";
import type { AdminState, Backend, Frontend, NodeStatus, Server, VirtualRouter } from "./model.ts";

/** The running appliance, as the admin API sees it. All answers are at once, from memory. */
export interface Appliance {
  /** Why the appliance is not alive, one line a cause; empty when it is. */
  liveness(): readonly string[];
  /** Why the appliance is not ready; empty when it is. */
  readiness(): readonly string[];
  /**
   * Why this node is not Active for one virtual router, or for every one without a name; empty when
   * it is, `undefined` when there is no such virtual router.
   */
  activeness(virtualRouter?: string): readonly string[] | undefined;
  nodeStatus(): NodeStatus;
  virtualRouters(): readonly VirtualRouter[];
  frontends(): readonly Frontend[];
  backends(): readonly Backend[];
  /** One server; `undefined` when there is no such backend or server. */
  server(backend: string, server: string): Server | undefined;
  /**
   * Changes an existing server, effective for the next connection when it returns, and answers with
   * the server after the change. A dry run only tells what it would be.
   *
   * @throws {Conflict} when the appliance's state does not allow it.
   */
  patchServer(backend: string, server: string, change: ServerChange): Server;
  /** The metrics in Prometheus' text format. */
  metrics(): Promise<string>;
}

/**
 * A change of a server's runtime fields. A missing field stays, `null` returns it to the file's.
 */
export interface ServerChange {
  readonly state?: AdminState | null;
  readonly weight?: number | null;
  readonly reason: string | null;
  readonly caller: Caller;
  readonly dryRun: boolean;
}

/** Who asks. */
export interface Caller {
  /** `socket`, a token's name, or `anonymous`. */
  readonly name: string;
  readonly role: Role;
}

/** The appliance's state does not allow the change: answered as 409. */
export class Conflict extends Error {
  override name = "Conflict";
}
