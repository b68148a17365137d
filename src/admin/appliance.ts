/**
 * What the admin API needs of the appliance. The appliance satisfies it; nothing here does
 * anything.
 */

import type { OverrideFact } from "../core/plan/override.ts";
import type { Family } from "../core/net/address.ts";
import type { Role } from "../core/plan/admin_plan.ts";
import type {
  AdminState,
  Backend,
  Frontend,
  NodeStatus,
  Server,
  Standby,
  VirtualRouter,
} from "./model.ts";
import type { DashboardFiles } from "./dashboard.ts";
import type { Connection, Killed } from "./model_connections.ts";
import type { ConfigPlan, Configuration, Reload } from "./model_config.ts";
import type { Event } from "./model_events.ts";
import type { Handover } from "./model_handover.ts";

/** The running appliance, as the admin API sees it. Reading answers at once, from memory. */
export interface Appliance {
  /** What a file would change, or what is wrong with it. */
  planConfig(text: string): ConfigPlan | Refused;
  /** What is configured, and how it came to be. */
  configuration(): Configuration;
  /**
   * Reads the file that it runs from again, and makes what runs what the file says; or says what is
   * wrong with it, and changes nothing.
   *
   * @throws {Conflict} when the file is good but cannot be applied: what ran before runs on.
   */
  reload(wish: ReloadWish): Promise<Reload | Refused>;
  /** The dashboard's files by name. */
  readonly dashboard: DashboardFiles;
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
   * Changes an existing server, effective for the next connection before this first waits, and
   * answers with the server after the change. A dry run only tells what it would be.
   *
   * @throws {Conflict} when the appliance's state does not allow it.
   */
  patchServer(backend: string, server: string, change: ServerChange): Promise<Server>;
  /**
   * Adds a server to a backend until it is removed, or makes one that was added as it is said here.
   *
   * @throws {Conflict} when the file defines it, or the appliance's state does not allow it.
   */
  addServer(backend: string, server: string, wish: AddServerWish): Promise<Server>;
  /**
   * Removes a server that was added.
   *
   * @throws {Conflict} when the file defines it, or while it has connections, unless forced.
   */
  removeServer(backend: string, server: string, wish: RemoveServerWish): Promise<void>;
  /** Everything that differs from the file. */
  overrides(): readonly OverrideFact[];
  /** Why not all of it would outlast a restart; `undefined` when it would. */
  notKept(): string | undefined;
  /**
   * Goes back to the file where these facts are, and answers with what still differs.
   *
   * @throws {Conflict} while a server that was added has connections, unless forced.
   */
  clearOverrides(
    facts: readonly OverrideFact[],
    wish: RemoveServerWish,
  ): Promise<readonly OverrideFact[]>;
  /** Some of the connections that are open, and where the list goes on. */
  connections(filter: ConnectionFilter, limit: number, after: string | null): ConnectionPage;
  /** Kills the connections that are there now, and answers when that is done or broken off. */
  killConnections(filter: ConnectionFilter, wish: KillWish): Promise<Killed>;
  /**
   * Hands a virtual router and its sync group over to a peer, and answers when that is done.
   *
   * @throws {Conflict} when this node is not Active for it, or when no peer has taken over.
   */
  failover(virtualRouter: string, wish: HandoverWish): Promise<Handover>;
  /** Lets a virtual router preempt again before its hold is over. A dry run changes nothing. */
  unhold(virtualRouter: string, wish: Wish): VirtualRouter;
  standby(): Standby;
  /**
   * Makes this node refuse to be Active, or ends that.
   *
   * @throws {Conflict} when no peer has taken over, or when it could not be remembered.
   */
  setStandby(wish: StandbyWish): Promise<Standby>;
  /** What happened after the event of an id, oldest first, as far as it is still known. */
  events(after: number): readonly Event[];
  /** Tells of each event from now on, `null` when no more will come; the answer ends that. */
  followEvents(tell: (event: Event | null) => void): () => void;
  /** The metrics in Prometheus' text format. */
  metrics(): Promise<string>;
}

/** What comes with every change. */
export interface Wish {
  readonly reason: string | null;
  readonly caller: Caller;
  readonly dryRun: boolean;
}

/** Which connections are meant; a missing field means any. */
export interface ConnectionFilter {
  readonly backend?: string | undefined;
  readonly server?: string | undefined;
  /** An address or a prefix. */
  readonly client?: string | undefined;
}

/** A part of a list. */
export interface ConnectionPage {
  readonly items: readonly Connection[];
  readonly next: string | null;
}

/** Connections are to be killed. */
export interface KillWish extends Wish {
  /** In a second at most. */
  readonly perSecond: number;
  /** Aborted when nobody waits for the outcome any more: the killing ends. */
  readonly signal?: AbortSignal;
}

/** A planned handover. */
export interface HandoverWish extends Wish {
  readonly holdMs: number;
  /** Leave also where no peer takes over. */
  readonly force: boolean;
}

/** A change of standby. */
export interface StandbyWish extends Wish {
  readonly enabled: boolean;
  /** It ends by itself after so long; `null` means never. */
  readonly ttlMs: number | null;
  readonly force: boolean;
}

/**
 * A change of a server's runtime fields. A missing field stays, `null` returns it to the file's.
 */
export interface ServerChange extends Wish {
  readonly state?: AdminState | null;
  readonly weight?: number | null;
  /** What is changed ends by itself after so long; `null` means never. */
  readonly ttlMs?: number | null;
  /** What becomes of open connections after so long; `null` means nothing. */
  readonly deadline?: { readonly afterMs: number; readonly then: "leave" | "kill" } | null;
}

/** A change that waits for its turn among others of the plan. */
export interface QueuedWish extends Wish {
  /** Throws where by then the server is not what the caller has seen. */
  readonly requireMatch?: () => void;
}

/** A server is to be there that the file does not have; its backend's defaults say the rest. */
export interface AddServerWish extends QueuedWish {
  readonly address: string;
  readonly family: Family;
  /** `null` means the port that the client connected to. */
  readonly port: number | null;
  /** 0 to 256; `null` means what the backend's servers have by default. */
  readonly weight: number | null;
}

/** A server that was added is to go. */
export interface RemoveServerWish extends QueuedWish {
  /** Also while it has connections: they are ended. */
  readonly force: boolean;
}

/** The file is to be read again. */
export interface ReloadWish extends Wish {
  /** Throws where what is configured when its turn comes is not what the caller has seen. */
  readonly requireMatch?: (configuration: Configuration) => void;
}

/** Who asks. */
export interface Caller {
  /** A user of this host with uid and pid, a token's or certificate's name, or `anonymous`. */
  readonly name: string;
  readonly role: Role;
}

/** A file that is refused: each problem at its path, behind its line and column. */
export interface Refused {
  readonly problems: readonly { readonly path: string; readonly detail: string }[];
}

/** The appliance's state does not allow the change: answered as 409. */
export class Conflict extends Error {
  override name = "Conflict";
}
