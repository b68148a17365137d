/**
 * Who asks, and what they may do. A door is one listener: the socket, whose callers are admin
 * because the file system lets only them in; TCP with tokens; or TCP on loopback without, for
 * viewers.
 */

import type { Context, MiddlewareHandler } from "hono";
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { AdminToken, Role } from "../core/plan/admin_plan.ts";
import type { Caller } from "./appliance.ts";
import type { Peer } from "./http_listener.ts";
import { Refusal } from "./problem.ts";

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
  readonly Bindings: { readonly peer?: Peer; readonly local?: LocalPeer | undefined };
}

/** A process of this host that has opened the socket. */
export interface LocalPeer {
  readonly uid: number;
  /** The name of the user; `null` where the host has none for it. */
  readonly user: string | null;
  /** `null` where it is of another container. */
  readonly pid: number | null;
}

/** Finds out who asks; refuses strangers. */
export function identify(door: Door): MiddlewareHandler<CallerEnv> {
  return async (context, next) => {
    context.set("caller", callerAt(door, context));
    await next();
  };
}

/** Lets through callers who have the role or one that includes it. */
export function requires(role: Role): MiddlewareHandler<CallerEnv> {
  return async (context, next) => {
    const caller = context.get("caller");
    if (RANKS.indexOf(caller.role) < RANKS.indexOf(role)) {
      throw new Refusal(403, `this needs the role ${role}; ${caller.name} is ${caller.role}`);
    }
    await next();
  };
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

function callerAt(door: Door, context: Context<CallerEnv>): Caller {
  if (door.kind === "socket") return { name: localName(context.env?.local), role: "admin" };
  const authorization = context.req.header("authorization");
  const certified = context.env?.peer?.certified ?? null;
  if (door.clientRole && certified !== null && authorization === undefined) {
    return { name: certified, role: door.clientRole };
  }
  if (door.tokens.length > 0) return tokenBearer(door.tokens, authorization);
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

function tokenBearer(tokens: readonly AdminToken[], header: string | undefined): Caller {
  const secret = /^Bearer +([^ ]+) *$/i.exec(header ?? "")?.[1];
  if (secret === undefined) throw new Refusal(401, "send a token: Authorization: Bearer SECRET");
  const hash = createHash("sha256").update(secret).digest();
  let found: AdminToken | undefined;
  // All are compared, each in constant time, so that time tells nothing of how near a guess was.
  for (const token of tokens) {
    const known = Buffer.from(token.secretHash, "hex");
    if (known.length === hash.length && timingSafeEqual(known, hash)) found = token;
  }
  if (!found) throw new Refusal(401, "unknown token");
  return { name: found.name, role: found.role };
}

/** Each role may do what those before it may. */
const RANKS: readonly Role[] = ["viewer", "operator", "admin"];

/** Of the same site also where the port is another: that is another program's page. */
const OWN_SITES: ReadonlySet<string> = new Set(["none", "same-origin"]);
const READING: ReadonlySet<string> = new Set(["GET", "HEAD"]);

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
