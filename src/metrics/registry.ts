/**
 * The metrics of the appliance in Prometheus' text format. It measures nothing: each scrape asks
 * the sources once and writes down what they say.
 */

import { Counter, Gauge, Registry } from "prom-client";
import { SampledHistogram } from "./histogram.ts";
import { PROCESS_METRICS, type ProcessFigures, processFigures } from "./process.ts";
import { ROUTER_STATISTICS } from "./router_statistics.ts";
import type {
  BackendSample,
  ByReason,
  FrontendSample,
  NodeSample,
  ServerSample,
  Sources,
  VirtualRouterSample,
} from "./sources.ts";

/** Makes the function that answers a scrape. */
export function createMetrics(sources: Sources): () => Promise<string> {
  const registry = new Registry();
  let scrape: Scrape = take(sources);
  for (const metric of [NODE, FRONTENDS, BACKENDS, SERVERS, VIRTUAL_ROUTERS].flat()) {
    register(registry, metric, () => scrape);
  }
  for (const name of PROCESS_METRICS) {
    const values = ({ process }: Scrape) => {
      const value = process.get(name);
      return value === undefined ? [] : [plain(value)];
    };
    register(registry, { name, help: PROCESS_HELP, labels: [], values }, () => scrape);
  }
  registerHistograms(registry, sources);
  return () => {
    scrape = take(sources);
    return registry.metrics();
  };
}

/** The content type of the answer. */
export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** What one scrape sees: every list is asked for once, however many metrics are made of it. */
interface Scrape {
  readonly node: NodeSample;
  readonly frontends: readonly FrontendSample[];
  readonly backends: readonly BackendSample[];
  readonly servers: readonly ServerSample[];
  readonly virtualRouters: readonly VirtualRouterSample[];
  readonly process: ProcessFigures;
}

function take(sources: Sources): Scrape {
  const backends = sources.backends();
  return {
    node: sources.node(),
    frontends: sources.frontends(),
    backends,
    servers: backends.flatMap((backend) => backend.servers),
    virtualRouters: sources.virtualRouters(),
    process: processFigures(),
  };
}

type Labels = Readonly<Record<string, string>>;

/** A counter where the name ends in `_total`, else a gauge. */
interface SampledMetric {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly values: (scrape: Scrape) => readonly Sample[];
}

interface Sample {
  readonly labels?: Labels;
  /** Those that many samples of a scrape have: the registry writes one object of them once. */
  readonly sharedLabels?: Labels;
  readonly value: number;
}

function register(registry: Registry, metric: SampledMetric, scrape: () => Scrape): void {
  const { name, help, labels, values } = metric;
  const configuration = { name, help, labelNames: labels, registers: [registry] };
  const type = name.endsWith("_total") ? "counter" : "gauge";
  const made = type === "counter" ? new Counter(configuration) : new Gauge(configuration);
  // What the registry asks for when it writes text. By `set` each sample would have its place
  // found by its labels, only to be written down and forgotten.
  Object.assign(made, {
    getForPromString: () => Promise.resolve({ name, help, type, values: values(scrape()) }),
  });
}

function registerHistograms(registry: Registry, sources: Sources): void {
  new SampledHistogram(registry, {
    name: "lintel_backend_connect_duration_seconds",
    help: "Time to connect to a server.",
    label: "backend",
    read: () => sources.connectDuration(),
  });
  new SampledHistogram(registry, {
    name: "lintel_virtual_router_advertisement_age_seconds",
    help: "Gap between two accepted advertisements.",
    label: "virtual_router",
    read: () => sources.advertisementAge(),
  });
  new SampledHistogram(registry, {
    name: "lintel_worker_lag_seconds",
    help: "How late a worker's loop was.",
    label: "worker",
    read: () => sources.workerLag(),
  });
}

function plain(value: number): Sample {
  return { labels: {}, value };
}

/** One sample for each state there is: 1 for the one that holds, 0 for the others. */
function oneHot(sharedLabels: Labels, states: readonly string[], now: string): Sample[] {
  return states.map((state) => ({
    labels: { state },
    sharedLabels,
    value: state === now ? 1 : 0,
  }));
}

function reasons(sharedLabels: Labels, counts: ByReason): Sample[] {
  return Object.entries(counts).map(([reason, value]) => ({
    labels: { reason },
    sharedLabels,
    value,
  }));
}

/** A metric with one sample for each frontend. */
function ofFrontend(
  name: string,
  help: string,
  value: (frontend: FrontendSample) => number,
): SampledMetric {
  return {
    name,
    help,
    labels: ["frontend"],
    values: ({ frontends }) =>
      frontends.map((one) => ({ labels: { frontend: one.name }, value: value(one) })),
  };
}

/** A metric with one sample for each server that has a value. */
function ofServer(
  name: string,
  help: string,
  value: (server: ServerSample) => number | null,
): SampledMetric {
  return {
    name,
    help,
    labels: ["backend", "server"],
    values: ({ servers }) =>
      servers.flatMap((server) => {
        const now = value(server);
        return now === null ? [] : [{ sharedLabels: serverLabels(server), value: now }];
      }),
  };
}

/** The same object for all samples of a server in one scrape. */
function serverLabels(server: ServerSample): Labels {
  const known = SERVER_LABELS.get(server);
  if (known) return known;
  const labels = { backend: server.backend, server: server.name };
  SERVER_LABELS.set(server, labels);
  return labels;
}

/** A metric with one sample for each virtual router. */
function ofRouter(
  name: string,
  help: string,
  value: (router: VirtualRouterSample) => number,
): SampledMetric {
  return {
    name,
    help,
    labels: ["virtual_router"],
    values: ({ virtualRouters }) =>
      virtualRouters.map((one) => ({ labels: { virtual_router: one.name }, value: value(one) })),
  };
}

const NODE: readonly SampledMetric[] = [
  {
    name: "lintel_build_info",
    help: "Which build this is; always 1.",
    labels: ["version", "deno", "engine"],
    values: ({ node: { version, engine } }) => [
      { labels: { version, deno: Deno.version.deno, engine }, value: 1 },
    ],
  },
  {
    name: "lintel_config_info",
    help: "SHA-256 of the configuration in force; always 1.",
    labels: ["hash"],
    values: ({ node }) => [{ labels: { hash: node.configuration.hash }, value: 1 }],
  },
  {
    name: "lintel_config_last_reload_successful",
    help: "Whether the file was valid when it was last read.",
    labels: [],
    values: ({ node }) => [plain(node.configuration.lastReloadSuccessful ? 1 : 0)],
  },
  {
    name: "lintel_config_last_reload_success_timestamp_seconds",
    help: "When the configuration in force was read, in seconds since 1970.",
    labels: [],
    values: ({ node }) => [plain(Date.parse(node.configuration.loadedAt) / 1000)],
  },
  {
    name: "lintel_overrides",
    help: "What differs from the file: states, weights and added servers, each for itself.",
    labels: [],
    values: ({ node }) => [plain(node.overrides)],
  },
  {
    name: "lintel_standby",
    help: "Whether this node refuses to be Active.",
    labels: [],
    values: ({ node }) => [plain(node.standby.enabled ? 1 : 0)],
  },
  {
    name: "lintel_cluster_peer_up",
    help: "Whether a peer of the cluster answers; a node without a cluster has none.",
    labels: ["peer"],
    values: () => [],
  },
  {
    name: "lintel_connection_log_lost_total",
    help: "Lines of the connection log that were lost because it is read too slowly.",
    labels: [],
    values: ({ node }) => [plain(node.lostLogLines)],
  },
  {
    name: "lintel_worker_connections",
    help: "Connections a worker holds.",
    labels: ["worker"],
    values: ({ node: { workers } }) =>
      workers.flatMap(({ name, connections }) =>
        connections === null ? [] : [{ labels: { worker: name }, value: connections }]
      ),
  },
];

const FRONTENDS: readonly SampledMetric[] = [
  ofFrontend("lintel_frontend_connections", "Open connections.", (one) => one.connections.active),
  ofFrontend(
    "lintel_frontend_connections_total",
    "Connections accepted.",
    (one) => one.connections.total,
  ),
  {
    name: "lintel_frontend_denied_connections_total",
    help: "Connections refused.",
    labels: ["frontend", "reason"],
    values: ({ frontends }) =>
      frontends.flatMap(({ name, denied }) => reasons({ frontend: name }, denied)),
  },
  ofFrontend(
    "lintel_frontend_evicted_sessions_total",
    "UDP sessions that were ended to make room for new ones.",
    (one) => one.evictedSessions,
  ),
  ofFrontend(
    "lintel_frontend_received_bytes_total",
    "Bytes received from clients.",
    (one) => one.bytes.received,
  ),
  ofFrontend("lintel_frontend_sent_bytes_total", "Bytes sent to clients.", (one) => one.bytes.sent),
];

const BACKENDS: readonly SampledMetric[] = [
  {
    name: "lintel_backend_usable_servers",
    help: "Servers that take new connections.",
    labels: ["backend"],
    values: ({ backends }) =>
      backends.map((one) => ({ labels: { backend: one.name }, value: one.usableServers })),
  },
];

const SERVERS: readonly SampledMetric[] = [
  ofServer(
    "lintel_server_up",
    "Whether checks say that the server is up.",
    ({ health }) => health.state === "up" ? 1 : 0,
  ),
  {
    name: "lintel_server_admin_state",
    help: "What an operator has said about the server.",
    labels: ["backend", "server", "state"],
    values: ({ servers }) =>
      servers.flatMap((server) => oneHot(serverLabels(server), ADMIN_STATES, server.admin)),
  },
  ofServer(
    "lintel_server_effective_weight",
    "Share of new connections that balancing goes by.",
    ({ weight }) => weight.effective,
  ),
  ofServer("lintel_server_connections", "Open connections.", (one) => one.connections.active),
  ofServer(
    "lintel_server_queued_connections",
    "Connections that wait for the server.",
    ({ connections }) => connections.queued,
  ),
  ofServer(
    "lintel_server_connections_total",
    "Connections given to the server.",
    ({ connections }) => connections.total,
  ),
  {
    name: "lintel_server_failures_total",
    help: "Failed connections.",
    labels: ["backend", "server", "reason"],
    values: ({ servers }) =>
      servers.flatMap((server) => reasons(serverLabels(server), server.failures)),
  },
  ofServer(
    "lintel_server_last_check_duration_seconds",
    "How long the last check took.",
    ({ health }) => health.latencySeconds,
  ),
];

const VIRTUAL_ROUTERS: readonly SampledMetric[] = [
  {
    name: "lintel_virtual_router_state",
    help: "State of the virtual router on this node.",
    labels: ["virtual_router", "state"],
    values: ({ virtualRouters }) =>
      virtualRouters.flatMap(({ name, state }) =>
        oneHot({ virtual_router: name }, ROUTER_STATES, state)
      ),
  },
  ofRouter(
    "lintel_virtual_router_effective_priority",
    "Priority after trackers.",
    ({ priority }) => priority.effective,
  ),
  {
    name: "lintel_virtual_router_tracker_good",
    help: "Whether something tracked is good.",
    labels: ["virtual_router", "tracker"],
    values: ({ virtualRouters }) =>
      virtualRouters.flatMap((router) =>
        router.trackers.map(({ name: tracker, good }) => ({
          labels: { virtual_router: router.name, tracker },
          value: good ? 1 : 0,
        }))
      ),
  },
  {
    name: "lintel_virtual_router_transitions_total",
    help: "Transitions into a state.",
    labels: ["virtual_router", "state", "reason"],
    values: ({ virtualRouters }) =>
      virtualRouters.flatMap(({ name, counters }) =>
        counters.transitions.map(({ state, reason, total }) => (
          { labels: { virtual_router: name, state, reason }, value: total }
        ))
      ),
  },
  {
    name: "lintel_virtual_router_advertisements_rejected_total",
    help: "Advertisements rejected.",
    labels: ["virtual_router", "reason"],
    values: ({ virtualRouters }) =>
      virtualRouters.flatMap(({ name, counters }) =>
        reasons({ virtual_router: name }, counters.advertisementsRejected)
      ),
  },
  ...ROUTER_STATISTICS.map(({ counter, name, help }) =>
    ofRouter(name, help, ({ counters }) => counters.statistics[counter] ?? 0)
  ),
];

const ADMIN_STATES = ["ready", "drain", "maint"];
const ROUTER_STATES = ["initialize", "backup", "active"];
const PROCESS_HELP = "The process's own figure, by its usual name.";

const SERVER_LABELS = new WeakMap<ServerSample, Labels>();
