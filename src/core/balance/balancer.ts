/**
 * What every way of choosing a server has in common. A balancer knows nothing of connections: it is
 * told of each server what changes, and asked for one server after the other.
 */

/** Chooses among the servers of one backend, by their index in it. */
export interface Balancer {
  /**
   * Says how a server stands from now on. Costs no more than the logarithm of the servers.
   *
   * @param isIn whether it may be chosen.
   * @param weight its share of new connections, 0 to 256; known also while it may not be chosen.
   * @param load the connections that it has, or that wait for it.
   */
  set(server: number, isIn: boolean, weight: number, load: number): void;

  /**
   * Chooses the server for one more connection, at no more than the logarithm of the servers.
   *
   * @param key stands for the client: see `clientKey`.
   * @returns the server's index, or {@linkcode NO_SERVER}.
   */
  pick(key: number): number;
}

/** The answer when no server may be chosen. */
export const NO_SERVER = -1;
