/**
 * The dashboard's files, as a browser asks for them. They hold no data: what the page shows, it
 * asks of the admin API like anybody.
 */

import type { Env, Hono } from "hono";
import { etagOf } from "./etag.ts";

/** The files of `src/admin/dashboard` by name; scripts as JavaScript. */
export type DashboardFiles = Readonly<Record<string, string>>;

/** Adds `GET /` and what the page is made of. Anybody may have it. */
export function addDashboard<E extends Env>(router: Hono<E>, files: DashboardFiles): void {
  const add = (path: string, name: string) => {
    const text = files[name];
    if (text === undefined) return;
    const etag = etagOf(text);
    router.get(path, (context) => {
      for (const [header, value] of Object.entries(HEADERS)) context.header(header, value);
      context.header("etag", etag);
      if (context.req.header("if-none-match") === etag) return context.body(null, 304);
      return context.body(text, 200, { "content-type": TYPES[name.split(".")[1] ?? ""] ?? "" });
    });
  };
  add("/", PAGE);
  for (const name of Object.keys(files)) if (name !== PAGE) add(`/dashboard/${name}`, name);
}

const PAGE = "page.html";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  // The names in the modules are those of the sources; a browser goes by the type.
  ts: "text/javascript; charset=utf-8",
};

/** Nothing from elsewhere, nothing inline, no frame around it. */
const HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
