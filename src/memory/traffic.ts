/**
 * What the data plane counts, by frontend and by server. Closed lists: metrics export each as 0
 * from the start.
 */

/** Columns of the counters of a server; `received` and `sent` are seen from lintel, in bytes. */
export const SERVER_COUNTERS = [
  "connections",
  "receivedBytes",
  "sentBytes",
  "connectTimeout",
  "connectRefused",
  "connectUnreachable",
  "connectError",
  /** We had no port, or no address, to connect from: its server has nothing to do with it. */
  "connectNoPort",
  "retries",
  "redispatches",
  "clientReset",
  "serverReset",
  /** Of `serverReset` those whose server had not said a word. */
  "earlyReset",
  "idleTimeout",
] as const;

/** Columns of the counters of a frontend; `received` and `sent` are seen from lintel, in bytes. */
export const FRONTEND_COUNTERS = [
  "opened",
  "closed",
  "receivedBytes",
  "sentBytes",
  "evicted",
  "deniedNoServer",
  "deniedLimit",
  "deniedAddress",
  "deniedQueueFull",
  "deniedQueueTimeout",
  "deniedShortage",
  "deniedProxyHeader",
  "deniedClientHello",
  "deniedServerName",
  "deniedPrefaceTimeout",
] as const;

/** Why a connection to a server failed: the `reason` of `lintel_server_failures_total`. */
export const SERVER_FAILURES = [
  "connectTimeout",
  "connectRefused",
  "connectUnreachable",
  "connectError",
  "connectNoPort",
  "clientReset",
  "serverReset",
  "idleTimeout",
] as const satisfies readonly (typeof SERVER_COUNTERS)[number][];

/** Upper bounds of the time to connect to a server, in seconds. */
export const CONNECT_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** Upper bounds of a worker's lateness, in seconds. */
export const LAG_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3];

/** Upper bounds of the gap between two accepted advertisements, in seconds. */
export const ADVERTISEMENT_AGE_BOUNDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 5, 10];
