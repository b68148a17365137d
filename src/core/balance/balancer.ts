/**
 * What every way of choosing a server has in common. Knows nothing of connections: it is told which
 * servers take one and how busy they are, each time it is asked.
 */

/** Chooses among the servers of one backend. */
export interface Balancer {
  /**
   * Chooses the server for one more connection, from what `states` says now.
   *
   * @param tried servers that are not to be chosen.
   * @returns the server's index in the backend, or {@linkcode NO_SERVER}.
   */
  pick(tried: Tried): number;
}

/** The state of servers by their row in the server table; read at each pick. */
export interface ServerStates {
  /** Whether the server may be given a new connection. */
  takesConnections(row: number): boolean;
  /** Its share of new connections, 1 to 256 while it takes connections. */
  weight(row: number): number;
  /** How many connections it has, from all workers. */
  active(row: number): number;
}

/** The servers of a backend, by index, that one connection has tried in vain. */
export interface Tried {
  has(server: number): boolean;
}

/** Nothing has been tried yet. */
export const NOTHING_TRIED: Tried = { has: () => false };

/** The answer when no server may be chosen. */
export const NO_SERVER = -1;
