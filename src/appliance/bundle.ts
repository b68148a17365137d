/**
 * What this build is, and where the code of its workers lies.
 *
 * A worker pays for every line of what it is started from, so each engine is a small bundle of its
 * own. The product carries them as text in front of its main bundle (`scripts/compile.ts` puts them
 * there), and so it does with the dashboard's files; from source they are the modules themselves.
 * This module decides nothing else.
 */

import { stripTypeScriptTypes } from "node:module";
import manifest from "../../deno.json" with { type: "json" };
import type { DashboardFiles } from "../admin/dashboard.ts";

/** The engines that run in workers of their own. */
export type Engine = "speaker" | "dataplane" | "prober";

/** Which build this is. */
export interface BuildInfo {
  readonly version: string;
  /** From source; by `deno compile`; or the stock deno with lintel inside. */
  readonly kind: "source" | "compiled" | "self-contained";
  readonly deno: string;
  readonly v8: string;
}

/** What the product's first line leaves for this module to find. */
export interface Bundle {
  readonly kind: "compiled" | "self-contained";
  readonly workers: Readonly<Record<Engine, string>>;
  readonly dashboard: DashboardFiles;
}

/** The key under which the product's first line leaves its {@linkcode Bundle}. */
export const BUNDLE = Symbol.for("lintel.bundle");

/** The build that is running. */
export const build: BuildInfo = {
  version: manifest.version,
  kind: bundle()?.kind ?? "source",
  deno: Deno.version.deno,
  v8: Deno.version.v8,
};

/** Where `new Worker` finds an engine's code. */
export function workerUrl(engine: Engine): URL | string {
  const code = bundle()?.workers[engine];
  if (code === undefined) return SOURCES[engine];
  return urls[engine] ??= URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
}

/** The dashboard's files, as a browser takes them. */
export function dashboardFiles(): DashboardFiles {
  return bundle()?.dashboard ?? Object.fromEntries(
    [...Deno.readDirSync(DASHBOARD)].map(({ name }) => {
      const text = Deno.readTextFileSync(new URL(name, DASHBOARD));
      return [name, name.endsWith(".ts") ? stripTypeScriptTypes(text) : text];
    }),
  );
}

function bundle(): Bundle | undefined {
  // house: as: only the product's own first line writes under this key.
  return (globalThis as { readonly [BUNDLE]?: Bundle })[BUNDLE];
}

/** Made once for each engine: a worker that is started again takes the same. */
const urls: Partial<Record<Engine, string>> = {};

const DASHBOARD = new URL("../admin/dashboard/", import.meta.url);

const SOURCES: Readonly<Record<Engine, URL>> = {
  speaker: new URL("../speaker/worker.ts", import.meta.url),
  dataplane: new URL("../dataplane/worker.ts", import.meta.url),
  prober: new URL("../prober/worker.ts", import.meta.url),
};
