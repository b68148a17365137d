/**
 * Makes the product's one JavaScript file: the workers' small bundles as text, then the main
 * bundle. It checks no types and writes nothing into the tree.
 */

import { type Bundle, dashboardFiles, type Engine } from "../../src/appliance/bundle.ts";

/**
 * The product's JavaScript, as the kind of build that is asked for.
 *
 * Not minified: that saves 5 MB of memory and no time, costs readable traces, and deno 2.9 leaves
 * CommonJS packages without their `require` when it minifies.
 *
 * @param variables of the environment that are deno's business: what we start does not inherit them
 */
export async function bundleProduct(
  kind: Bundle["kind"],
  variables: readonly string[],
): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "lintel-bundle-" });
  try {
    // One after the other: the first fetches esbuild, and two at once trip over each other.
    const main = await bundle("mod.ts", `${directory}/main.js`);
    const workers = {
      speaker: await bundle(WORKERS.speaker, `${directory}/speaker.js`),
      dataplane: await bundle(WORKERS.dataplane, `${directory}/dataplane.js`),
      prober: await bundle(WORKERS.prober, `${directory}/prober.js`),
    };
    return [firstLine({ kind, workers, dashboard: dashboardFiles() }), secondLine(variables), main]
      .join("\n");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/**
 * What `src/appliance/bundle.ts` looks for. It runs first, as the bundle has no imports of ours.
 */
function firstLine(bundle: Bundle): string {
  return `globalThis[Symbol.for("lintel.bundle")] = ${JSON.stringify(bundle)};`;
}

function secondLine(variables: readonly string[]): string {
  return `for (const name of ${JSON.stringify(variables)}) Deno.env.delete(name);`;
}

async function bundle(entry: string, output: string): Promise<string> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "deno", "--output", output, entry],
    cwd: ROOT,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new Error(`deno bundle ${entry} failed:\n${new TextDecoder().decode(stderr)}`);
  }
  return await Deno.readTextFile(output);
}

const WORKERS: Readonly<Record<Engine, string>> = {
  speaker: "src/speaker/worker.ts",
  dataplane: "src/dataplane/worker.ts",
  prober: "src/prober/worker.ts",
};

const ROOT = new URL("../../", import.meta.url).pathname;
