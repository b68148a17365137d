/**
 * Fills in the defaults that depend on other values, so that nothing is left to guess. Still in the
 * user's words: the result is itself a valid file.
 */

import type {
  BackendConfig,
  CheckConfig,
  Config,
  FrontendConfig,
  RouterConfig,
  TrackerConfig,
} from "./schema/file.ts";

/** A server with all that can be said of it. */
export interface FullServer {
  readonly address: string;
  readonly weight: number;
  readonly backup: boolean;
  readonly maxConnections?: number | undefined;
  readonly state: "ready" | "drain" | "maint";
  readonly proxyProtocol?: "v1" | "v2" | "none" | undefined;
}

/** A frontend with all that can be said of it. */
export type FullFrontend = FrontendConfig & { readonly clientSpeaksFirst: boolean };

/** A check whose intervals are all named. */
export type FullCheck = CheckConfig & {
  readonly timeout: string;
  readonly fastInterval: string;
  readonly downInterval: string;
};

/** A backend with all that can be said of it. */
export type FullBackend = Omit<BackendConfig, "check" | "servers"> & {
  readonly check: "none" | FullCheck;
  readonly servers: Readonly<Record<string, FullServer>>;
};

/** A tracker with all that can be said of its type; what it cannot do without may be missing. */
export type FullTracker =
  | {
    readonly type: "interface";
    readonly interface: string | undefined;
    readonly downDelay: string;
    readonly upDelay: string;
  }
  | {
    readonly type: "script";
    readonly command: readonly string[] | undefined;
    readonly interval: string;
    readonly timeout: string;
    readonly rise: number;
    readonly fall: number;
  }
  | { readonly type: "file"; readonly path: string | undefined };

/** A file with every default filled in. */
export type FullConfig = Omit<Config, "trackers" | "frontends" | "backends"> & {
  readonly trackers: Readonly<Record<string, FullTracker>>;
  readonly frontends: Readonly<Record<string, FullFrontend>>;
  readonly backends: Readonly<Record<string, FullBackend>>;
};

/** Fills in every default. */
export function fillDefaults(config: Config): FullConfig {
  return {
    ...config,
    trackers: mapValues(config.trackers, fillTracker),
    virtualRouters: mapValues(config.virtualRouters, fillRouter),
    frontends: mapValues(config.frontends, (frontend) => fillFrontend(frontend, config)),
    backends: mapValues(config.backends, fillBackend),
  };
}

/** Keys of another type are left out: they have been reported. */
function fillTracker(tracker: TrackerConfig): FullTracker {
  const { type, interval = "1s" } = tracker;
  if (type === "file") return { type, path: tracker.path };
  if (type === "interface") {
    const { downDelay = "0s", upDelay = "0s" } = tracker;
    return { type, interface: tracker.interface, downDelay, upDelay };
  }
  const { command, timeout = interval, rise = 1, fall = 1 } = tracker;
  return { type, command, interval, timeout, rise, fall };
}

function fillRouter(router: RouterConfig): RouterConfig {
  return { ...router, track: { dataplane: "auto", ...router.track } };
}

/** What is true of all backends that a frontend leads to holds for the frontend. */
function fillFrontend(frontend: FrontendConfig, { backends }: Config): FullFrontend {
  const { backend, routes, clientSpeaksFirst } = frontend;
  const names = [...routes.map((route) => route.backend), ...(backend ? [backend] : [])];
  const profiles = names.map((name) =>
    Object.hasOwn(backends, name) ? backends[name]?.profile : undefined
  );
  const speakFirst = profiles.length > 0 && profiles.every((one) => one === "kube-apiserver");
  return { ...frontend, clientSpeaksFirst: clientSpeaksFirst ?? speakFirst };
}

function fillBackend(backend: BackendConfig): FullBackend {
  const { weight, maxConnections } = backend.serverDefaults;
  return {
    ...backend,
    check: backend.check === "none" ? "none" : fillCheck(backend.check),
    // There is nothing to feed.
    passive: backend.check === "none" ? "none" : backend.passive,
    servers: mapValues(
      backend.servers,
      (server) =>
        typeof server === "string"
          ? { address: server, weight, backup: false, state: "ready", ...limitOf(maxConnections) }
          : {
            ...server,
            weight: server.weight ?? weight,
            ...limitOf(server.maxConnections ?? maxConnections),
          },
    ),
  };
}

/** No limit is no key: a file that has every default filled in stays valid. */
function limitOf(maxConnections: number | undefined): { maxConnections?: number } {
  return maxConnections === undefined ? {} : { maxConnections };
}

function fillCheck(check: CheckConfig): FullCheck {
  const { type, ...rest } = check;
  return {
    type,
    ...DEFAULTS_OF_CHECKS[type],
    ...rest,
    timeout: rest.timeout ?? rest.interval,
    fastInterval: rest.fastInterval ?? rest.interval,
    downInterval: rest.downInterval ?? rest.interval,
  };
}

const HTTP_DEFAULTS = { method: "GET", path: "/", status: "200-399" } as const;
const DNS_DEFAULTS = { recordType: "A", rcode: "NOERROR", transport: "udp" } as const;

/** By type of check: the keys that only it has. */
const DEFAULTS_OF_CHECKS: Readonly<Record<CheckConfig["type"], Partial<CheckConfig>>> = {
  tcp: {},
  http: HTTP_DEFAULTS,
  https: HTTP_DEFAULTS,
  tls: {},
  dns: DNS_DEFAULTS,
  script: {},
};

function mapValues<From, To>(
  map: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
