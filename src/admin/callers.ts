/**
 * Who asks, and what they may do. A door is one listener: the socket, whose callers are admin
 * because the file system lets only them in; TCP with tokens; or TCP on loopback without, for
 * viewers.
 */

import type { Context, MiddlewareHandler } from "hono";
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { AdminToken, Role } from "../core/plan/admin_plan.ts";
import { formatAddress, isMapped, parseAddress } from "../core/net/address.ts";
import type { Caller } from "./appliance.ts";
import type { Peer } from "./http_listener.ts";
import { Refusal, TooMany } from "./problem.ts";
import { Buckets, type Rate } from "./rates.ts";

/** Where a request came in. */
export type Door =
  | { readonly kind: "socket" }
  | {
    readonly kind: "tcp";
    readonly loopback: boolean;
    readonly tokens: readonly AdminToken[];
    /** What callers with a certificate may do, where certificates are asked for. */
    readonly clientRole?: Role | undefined;
  };

/** What routes find in a request's context. */
export interface CallerEnv {
  readonly Variables: { caller: Caller };
  readonly Bindings: {
    readonly peer?: Peer;
    readonly local?: LocalPeer | undefined;
    /** Aborted when callers who were let in may not be so any more. */
    readonly ending?: AbortSignal;
  };
}

/** A process of this host that has opened the socket. */
export interface LocalPeer {
  readonly uid: number;
  /** The name of the user; `null` where the host has none for it. */
  readonly user: string | null;
  /** `null` where it is of another container. */
  readonly pid: number | null;
}

/** Finds out who asks; refuses strangers, and those who guess. `now` is monotonic. */
export function identify(door: Door, now: () => number): MiddlewareHandler<CallerEnv> {
  const guesses = new Buckets(GUESSES, now);
  return async (context, next) => {
    context.set("caller", callerAt(door, context, guesses));
    await next();
  };
}

/** Refuses changes of a caller who asks for more than anybody means. `now` is monotonic. */
export function limitChanges(now: () => number): MiddlewareHandler<CallerEnv> {
  const changes = new Buckets(CHANGES, now);
  return async ({ req, env, get }, next) => {
    if (!READING.has(req.method)) {
      const { name } = get("caller");
      // Of a user, not of each of its processes.
      const key = env?.local ? String(env.local.uid) : name;
      const wait = changes.waitSeconds(key);
      if (wait > 0) {
        throw new TooMany(
          `${name} asks for more changes than ${CHANGES.perSecond} a second`,
          wait,
        );
      }
      changes.take(key);
    }
    await next();
  };
}

/** Lets through callers who have the role or one that includes it. */
export function requires(role: Role): MiddlewareHandler<CallerEnv> {
  return async (context, next) => {
    requireRole(context.get("caller"), role, "this");
    await next();
  };
}

/** Refuses `what` to callers who have neither the role nor one that includes it. */
export function requireRole(caller: Caller, role: Role, what: string): void {
  if (RANKS.indexOf(caller.role) >= RANKS.indexOf(role)) return;
  throw new Refusal(
    403,
    `${what} needs the role ${role}; ${caller.name} is ${caller.role}: ` +
      "ask with a token that has it, or on the socket",
  );
}

/**
 * Refuses changes that a page from elsewhere has a browser ask for: what lets the browser in, a
 * certificate or an address, would let that page in with it.
 */
export function refuseForeignPages(): MiddlewareHandler {
  return async ({ req }, next) => {
    const site = req.header("sec-fetch-site") ?? "none";
    const origin = req.header("origin");
    const isForeign = !OWN_SITES.has(site) ||
      (origin !== undefined && hostOf(origin) !== req.header("host"));
    if (isForeign && !READING.has(req.method)) {
      throw new Refusal(403, "a page of another site may not change anything here");
    }
    await next();
  };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function callerAt(door: Door, context: Context<CallerEnv>, guesses: Buckets): Caller {
  if (door.kind === "socket") return { name: localName(context.env?.local), role: "admin" };
  const authorization = context.req.header("authorization");
  const certified = context.env?.peer?.certified ?? null;
  if (door.clientRole && certified !== null && authorization === undefined) {
    return { name: certified, role: door.clientRole };
  }
  if (door.tokens.length > 0) {
    const network = networkOf(context.env?.peer?.address ?? "");
    return tokenBearer(door.tokens, authorization, guesses, network);
  }
  if (door.clientRole) throw new Refusal(401, "show a certificate of admin.tls.clientCa");
  // The file is refused before it comes to this; should it come, nobody is let in.
  if (!door.loopback) throw new Refusal(401, "no tokens are configured for this listener");
  // A web page may point a name of its own at 127.0.0.1 and have a browser here ask on its behalf.
  const host = context.req.header("host") ?? "";
  if (!LOOPBACK_HOST.test(host)) {
    throw new Refusal(403, `ask for localhost or 127.0.0.1, not for ${JSON.stringify(host)}`);
  }
  return { name: "anonymous", role: "viewer" };
}

/** Such as `ops (uid 1000, pid 4711)`. */
function localName(local: LocalPeer | undefined): string {
  if (!local) return "socket";
  const pid = local.pid === null ? [] : [`pid ${local.pid}`];
  if (local.user === null) return [`uid ${local.uid}`, ...pid].join(", ");
  return `${local.user} (${[`uid ${local.uid}`, ...pid].join(", ")})`;
}

/** Where guesses count together: IPv6 gives a host as many addresses as it likes. */
function networkOf(address: string): string {
  const bytes = parseAddress(address)?.bytes;
  if (!bytes || bytes.length === 4 || isMapped(bytes, 0)) return address;
  return `${formatAddress(bytes.slice().fill(0, 8))}/64`;
}

function tokenBearer(
  tokens: readonly AdminToken[],
  header: string | undefined,
  guesses: Buckets,
  network: string,
): Caller {
  const secret = /^Bearer +([^ ]+) *$/i.exec(header ?? "")?.[1];
  if (secret === undefined) throw new Refusal(401, "send a token: Authorization: Bearer SECRET");
  const wait = guesses.waitSeconds(network);
  if (wait > 0) throw new TooMany(`too many wrong tokens from ${network}`, wait);
  const hash = createHash("sha256").update(secret).digest();
  let found: AdminToken | undefined;
  // All are compared, each in constant time, so that time tells nothing of how near a guess was.
  for (const token of tokens) {
    const known = Buffer.from(token.secretHash, "hex");
    if (known.length === hash.length && timingSafeEqual(known, hash)) found = token;
  }
  if (!found) {
    guesses.take(network);
    throw new Refusal(401, "unknown token");
  }
  return { name: found.name, role: found.role };
}

/** Each role may do what those before it may. */
const RANKS: readonly Role[] = ["viewer", "operator", "admin"];

/** Of the same site also where the port is another: that is another program's page. */
const OWN_SITES: ReadonlySet<string> = new Set(["none", "same-origin"]);
const READING: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** A scraper with an old token, or a typing operator, stays far below. */
const GUESSES: Rate = { burst: 30, perSecond: 1 };
/** Scripts may change every server of a large file in a row; a loop without end is slowed down. */
const CHANGES: Rate = { burst: 1_000, perSecond: 100 };

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
