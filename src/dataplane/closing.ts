/**
 * Why a connection has ended, as one closed list. It only names reasons; what is counted, logged or
 * sent for each is said elsewhere.
 */

/** A reason, by number: what is handed around and may be kept in arrays. */
export type Closing = (typeof CLOSING)[keyof typeof CLOSING];

/** All reasons. */
export const CLOSING = {
  /** Both sides have ended their streams, and all bytes were passed on. */
  finished: 0,
  /** The client has reset the connection, or vanished from it. */
  clientReset: 1,
  /** The server has. */
  serverReset: 2,
  /** No byte either way for too long. */
  idleTimeout: 3,
  /** One side had ended, and the other one was silent for too long. */
  halfClosedTimeout: 4,
  /** No server of the backend takes connections. */
  noServer: 5,
  /** Servers were tried and refused. */
  connectFailed: 6,
  /** Servers were tried, and the last one did not answer in time. */
  connectTimeout: 7,
  /** No descriptor or memory for the server's side, for too long. */
  shortage: 8,
  /** No server had a place for too long. */
  queueTimeout: 9,
  /** As many as may wait for a place do already. */
  queueFull: 10,
  /** What the client should have said first did not come in time. */
  prefaceTimeout: 11,
  /** What the client said first is not what it has to be. */
  badPreface: 12,
  /** Its address is not allowed here. */
  denied: 13,
  /** New connections come faster than is allowed. */
  rateLimit: 14,
  /** The frontend, or all of them, hold as many connections as they may. */
  connectionLimit: 15,
  /** Somebody has ordered it. */
  killed: 16,
  /** Its server was marked down. */
  serverDown: 17,
  /** The address it came by leaves this node. */
  released: 18,
  /** The worker stops. */
  stopping: 19,
  /** No route leads anywhere for the server name that it asked for, or for none. */
  noRoute: 20,
} as const;
