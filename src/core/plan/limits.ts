/**
 * What limits the connections of a frontend, and how those of a backend reach a server, as parts of
 * the plan. Types only.
 */

/** Who may come in, and how many. */
export interface FrontendLimits {
  /** Connections at once; further clients wait outside. `null` means any number. */
  readonly maxConnections: number | null;
  /** New connections a second; `null` means any number. */
  readonly connectionRate: number | null;
  /** Networks of connecting addresses; `null` means all. */
  readonly allow: readonly string[] | null;
  /** Networks that are refused though they are allowed. */
  readonly deny: readonly string[] | null;
}

/** How the servers of a backend are chosen. */
export type Balance = "roundrobin" | "leastconn" | "source" | "random" | "first";

/** From which address of this node servers are connected to. */
export interface SourceAddressPlan {
  /** By family; `null` leaves it to the kernel. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  /** Used only where the kernel would take one of these: the virtual addresses. */
  readonly insteadOf: readonly string[] | null;
}
