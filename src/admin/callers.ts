/**
 * Who asks, and what they may do. A door is one listener: the socket, whose callers are admin
 * because the file system lets only them in; TCP with tokens; or TCP on loopback without, for
 * viewers.
 */

import type { Context, MiddlewareHandler } from "hono";
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { AdminToken, Role } from "../core/plan/plan.ts";
import type { Caller } from "./appliance.ts";
import { Refusal } from "./problem.ts";

/** Where a request came in. */
export type Door =
  | { readonly kind: "socket" }
  | { readonly kind: "tcp"; readonly loopback: boolean; readonly tokens: readonly AdminToken[] };

/** What routes find in a request's context. */
export interface CallerEnv {
  readonly Variables: { caller: Caller };
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

function callerAt(door: Door, context: Context): Caller {
  if (door.kind === "socket") return { name: "socket", role: "admin" };
  if (door.tokens.length > 0) return tokenBearer(door.tokens, context.req.header("authorization"));
  // The file is refused before it comes to this; should it come, nobody is let in.
  if (!door.loopback) throw new Refusal(401, "no tokens are configured for this listener");
  // A web page may point a name of its own at 127.0.0.1 and have a browser here ask on its behalf.
  const host = context.req.header("host") ?? "";
  if (!LOOPBACK_HOST.test(host)) {
    throw new Refusal(403, `ask for localhost or 127.0.0.1, not for ${JSON.stringify(host)}`);
  }
  return { name: "anonymous", role: "viewer" };
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

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
