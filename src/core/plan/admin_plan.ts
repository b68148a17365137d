/**
 * The part of the plan that is about the admin API, as plain data.
 */

/** Where the admin API answers. */
export interface AdminPlan {
  readonly socket: string;
  /** Group that owns the socket: a name or a number. */
  readonly socketGroup: string;
  readonly listen: { readonly address: string; readonly port: number } | null;
  /** `null` means in clear. */
  readonly tls: AdminTlsPlan | null;
  readonly tokens: readonly AdminToken[];
  /** Plain listener for /livez, /readyz, /active and /metrics only; `*` is all addresses. */
  readonly probes: { readonly address: string; readonly port: number } | null;
}

/** How the admin API is served by TLS. */
export interface AdminTlsPlan {
  /** PEM text: the certificate and those between it and its root. */
  readonly certificate: string;
  /** PEM text; a secret. */
  readonly key: string;
  /** PEM text of the authority of client certificates; `null` means that none are asked for. */
  readonly clientCa: string | null;
  /** What those may do who have such a certificate. */
  readonly clientRole: Role;
}

/** What a caller of the admin API may do; each includes the ones before it. */
export type Role = "viewer" | "operator" | "admin";

/** A bearer token. */
export interface AdminToken {
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret, in hexadecimal; the secret itself is not kept. */
  readonly secretHash: string;
}
