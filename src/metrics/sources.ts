/**
 * What metrics are made of. Others report it; each function is called once a scrape and answers
 * from memory.
 */

/** Everything that is exported beside the process's own figures. */
export interface Sources {
  node(): NodeSample;
  frontends(): readonly FrontendSample[];
  backends(): readonly BackendSample[];
  virtualRouters(): readonly VirtualRouterSample[];
  /** Time to connect, labelled `backend`. */
  connectDuration(): HistogramSamples;
  /** Gap between accepted advertisements, labelled `virtual_router`. */
  advertisementAge(): HistogramSamples;
  /** Lateness of the loops, labelled `worker`. */
  workerLag(): HistogramSamples;
}

/** The appliance as a whole. */
export interface NodeSample {
  readonly version: string;
  readonly engine: string;
  readonly configuration: {
    readonly hash: string;
    /** RFC 3339. */
    readonly loadedAt: string;
    readonly lastReloadSuccessful: boolean;
  };
  /** Connections are `null` for threads that hold none. */
  readonly workers: readonly { readonly name: string; readonly connections: number | null }[];
  readonly standby: { readonly enabled: boolean };
  /** How many fields of servers differ from the file; a server that was added is one, too. */
  readonly overrides: number;
  /** Lines of the connection log that found no room. */
  readonly lostLogLines: number;
}

/** A frontend; `denied` holds every reason there is, also those at 0. */
export interface FrontendSample {
  readonly name: string;
  readonly connections: { readonly active: number; readonly total: number };
  readonly bytes: { readonly received: number; readonly sent: number };
  readonly denied: ByReason;
  /** UDP sessions that were ended to make room for new ones. */
  readonly evictedSessions: number;
}

/** A backend and its servers. */
export interface BackendSample {
  readonly name: string;
  readonly usableServers: number;
  readonly servers: readonly ServerSample[];
}

/** A server; `failures` holds every reason there is, also those at 0. */
export interface ServerSample {
  readonly backend: string;
  readonly name: string;
  readonly admin: string;
  readonly health: { readonly state: string; readonly latencySeconds: number | null };
  readonly weight: { readonly effective: number };
  readonly connections: {
    readonly active: number;
    readonly queued: number;
    readonly total: number;
  };
  readonly failures: ByReason;
}

/** A virtual router; its counters hold every reason there is, also those at 0. */
export interface VirtualRouterSample {
  readonly name: string;
  readonly state: string;
  readonly priority: { readonly effective: number };
  readonly trackers: readonly { readonly name: string; readonly good: boolean }[];
  readonly counters: {
    readonly advertisementsSent: number;
    readonly advertisementsReceived: number;
    readonly advertisementsRejected: ByReason;
    readonly announcements: number;
    readonly transitions: readonly {
      readonly state: string;
      readonly reason: string;
      readonly total: number;
    }[];
    /** Everything that is counted, by name: `sendErrors`. */
    readonly statistics: ByReason;
  };
}

/** Histograms over the same bounds, told apart by the value of one label. */
export interface HistogramSamples {
  /** Upper bounds in seconds, ascending, without +Inf. */
  readonly bounds: readonly number[];
  readonly series: readonly {
    readonly label: string;
    /** By bucket, not cumulated, +Inf last. */
    readonly counts: readonly number[];
    readonly sum: number;
  }[];
}

/** How often, by reason. */
export type ByReason = Readonly<Record<string, number>>;
