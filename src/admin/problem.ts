/**
 * Errors of the admin API as `application/problem+json` (RFC 9457). Whatever a caller sends, the
 * answer is one of these with a status below 500; what fails on our side is told to the log, not to
 * callers.
 */

import type { Context, ErrorHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { Conflict } from "./appliance.ts";
import { BrokenBody } from "./http_listener.ts";
import type { Problem } from "./model.ts";

/** A request that is refused, with the status that tells why. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly status: ContentfulStatusCode;
  readonly errors: Problem["errors"];

  constructor(status: ContentfulStatusCode, detail: string, errors?: Problem["errors"]) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

/** A request that would be granted later. */
export class TooMany extends Refusal {
  readonly retryAfterSeconds: number;

  constructor(detail: string, waitSeconds: number) {
    super(429, detail);
    this.retryAfterSeconds = Math.ceil(waitSeconds);
  }
}

/**
 * A name that does not exist: the answer says which ones do. `within` is such as ` in backend
 * "web"`.
 */
export function unknownName(
  kind: string,
  name: string,
  known: readonly string[],
  within = "",
): Refusal {
  const some = known.slice(0, MOST_NAMES).join(", ");
  const more = known.length > MOST_NAMES ? ` and ${known.length - MOST_NAMES} more` : "";
  const there = known.length === 0 ? "there is none" : `there are: ${some}${more}`;
  return new Refusal(404, `no ${kind} ${JSON.stringify(name)}${within}; ${there}`);
}

/** Turns whatever a handler threw into an answer. */
export function answerError(fault: (error: unknown) => void): ErrorHandler {
  return (error, context) => {
    if (error instanceof TooMany) {
      context.header("Retry-After", String(error.retryAfterSeconds));
    }
    if (error instanceof Refusal) {
      return problem(context, error.status, error.message, error.errors);
    }
    if (error instanceof Conflict) return problem(context, 409, error.message);
    if (error instanceof BrokenBody) return problem(context, 400, error.message);
    // The validators' own: a body that is no JSON, a type that is not taken.
    if (error instanceof HTTPException) {
      const status = ORDINARY.find((one) => one === error.status);
      if (status !== undefined) return problem(context, status, error.message);
    }
    fault(error);
    return problem(context, 500, "lintel failed to answer; its log says more");
  };
}

/** Writes one problem document. */
export function problem(
  context: Context,
  status: ContentfulStatusCode,
  detail: string,
  errors?: Problem["errors"],
): Response {
  const title = TITLES[status] ?? "Error";
  const document: Problem = {
    type: "about:blank",
    title,
    status,
    detail,
    ...(errors && { errors }),
  };
  if (status === 401) context.header("WWW-Authenticate", "Bearer");
  return context.body(JSON.stringify(document), status, {
    "content-type": "application/problem+json",
  });
}

const MOST_NAMES = 20;

const ORDINARY = [400, 413, 415] as const;

const TITLES: Readonly<Record<number, string>> = {
  400: "Unreadable body",
  401: "No or unknown token",
  403: "Not allowed",
  404: "Not found",
  409: "Conflict",
  412: "Changed in the meantime",
  413: "Body too large",
  415: "Unsupported media type",
  422: "Bad value",
  429: "Too many requests",
  500: "Internal error",
};
