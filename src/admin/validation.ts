/**
 * What zod found wrong with a request, in words and with the path of each bad value.
 */

import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { Env, MiddlewareHandler } from "hono";
import { problem, Refusal } from "./problem.ts";

/** A router whose routes answer 422 where a request does not match their schemas. */
export function newRouter<E extends Env>(): OpenAPIHono<E> {
  return new OpenAPIHono<E>({
    defaultHook: (result, context) => {
      if (result.success) return;
      const parameter = result.target === "query";
      const errors = result.error.issues.flatMap((issue) => explain(issue, parameter));
      const detail = errors.map(({ path, detail }) => `${path}: ${detail}`).join("; ");
      return problem(context, 422, detail, errors);
    },
  });
}

/** The gate before a body is read: refuses with 415 all types but these. */
export function requireType(...types: readonly string[]): MiddlewareHandler {
  return async (context, next) => {
    const type = context.req.header("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
    if (!types.includes(type)) {
      const found = type === "" ? "none" : JSON.stringify(type);
      throw new Refusal(415, `send ${types.join(" or ")}; found ${found}`);
    }
    await next();
  };
}

/** The same gate where the body may be left out: none needs no type. */
export function requireTypeOfAny(...types: readonly string[]): MiddlewareHandler {
  const gate = requireType(...types);
  return async (context, next) => {
    const isAbsent = context.req.header("content-type") === undefined &&
      await context.req.text() === "";
    return isAbsent ? await next() : await gate(context, next);
  };
}

/** Why a value was refused and where: `weight` in the body, `?dryRun` in the query. */
interface BadValue {
  readonly path: string;
  readonly detail: string;
}

function explain(issue: z.core.$ZodIssue, parameter: boolean): BadValue[] {
  const place = (path: readonly PropertyKey[]) => {
    const name = path.map(String).join(".");
    return parameter ? `?${name}` : name || "(body)";
  };
  if (issue.code !== "unrecognized_keys") {
    return [{ path: place(issue.path), detail: issue.message }];
  }
  const word = parameter ? "parameter" : "key";
  return issue.keys.map((key) => ({
    path: place([...issue.path, key]),
    detail: `unknown ${word}`,
  }));
}
