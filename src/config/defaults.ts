/**
 * Fills in the defaults that depend on other values, so that nothing is left to guess. Still in the
 * user's words: the result is itself a valid file.
 */

import type {
  BackendConfig,
  CheckConfig,
  Config,
  RouterConfig,
  TrackerConfig,
} from "./schema/file.ts";

/** A server with all that can be said of it. */
export interface FullServer {
  readonly address: string;
  readonly weight: number;
  readonly state: "ready" | "drain" | "maint";
}

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

/** A file with every default filled in. */
export type FullConfig = Omit<Config, "backends"> & {
  readonly backends: Readonly<Record<string, FullBackend>>;
};

/** Fills in every default. */
export function fillDefaults(config: Config): FullConfig {
  return {
    ...config,
    trackers: mapValues(config.trackers, fillTracker),
    virtualRouters: mapValues(config.virtualRouters, fillRouter),
    backends: mapValues(config.backends, fillBackend),
  };
}

function fillTracker(tracker: TrackerConfig): TrackerConfig {
  const { type, ...rest } = tracker;
  if (type === "interface") return { type, downDelay: "0s", upDelay: "0s", ...rest };
  if (type === "file") return tracker;
  const interval = rest.interval ?? "1s";
  return { type, timeout: interval, rise: 1, fall: 1, ...rest, interval };
}

function fillRouter(router: RouterConfig): RouterConfig {
  return { ...router, track: { dataplane: "auto", ...router.track } };
}

function fillBackend(backend: BackendConfig): FullBackend {
  const { weight } = backend.serverDefaults;
  return {
    ...backend,
    check: backend.check === "none" ? "none" : fillCheck(backend.check),
    servers: mapValues(
      backend.servers,
      (server) =>
        typeof server === "string"
          ? { address: server, weight, state: "ready" }
          : { ...server, weight: server.weight ?? weight },
    ),
  };
}

function fillCheck(check: CheckConfig): FullCheck {
  const { type, ...rest } = check;
  const http = type === "tcp" ? {} : { method: "GET", path: "/", status: "200-399" };
  return {
    type,
    ...http,
    ...rest,
    timeout: rest.timeout ?? rest.interval,
    fastInterval: rest.fastInterval ?? rest.interval,
    downInterval: rest.downInterval ?? rest.interval,
  };
}

function mapValues<From, To>(
  map: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
