/**
 * `deno task compile`: one binary, `dist/lintel`.
 *
 * By `deno compile` where its base is at hand (DENORT_BIN, or a denort in deno's cache); otherwise
 * the deno that runs this script, with lintel inside. It does nothing when nothing has changed.
 */

import { bundleProduct } from "./compile/bundle.ts";
import { type Launch, pack } from "./compile/pack.ts";

/** Builds the product in `dist` if it is not up to date, and answers where it is. */
export async function compile(
  log: (line: string) => void = () => {},
  dist: string = DIST,
): Promise<string> {
  const product = `${dist}/lintel`;
  const stamp = `${dist}/.inputs`;
  const kind = await hasDenort() ? "compiled" : "self-contained";
  const variables = kind === "compiled" ? [] : LAUNCH.variables.map((text) => text.split("=")[0]!);
  const bundle = await bundleProduct(kind, variables);
  const inputs = await hash(
    bundle,
    JSON.stringify([Deno.version, Deno.build, LAUNCH]),
    ...await tools(),
  );
  if (await upToDate(product, stamp, inputs)) {
    log(`${product} is up to date`);
    return product;
  }
  await Deno.mkdir(dist, { recursive: true });
  // Renamed when it is whole: the old one may be running, or another build be under way.
  const unfinished = `${product}.${Deno.pid}`;
  try {
    await (kind === "compiled" ? denoCompile : selfContained)(bundle, unfinished);
    await Deno.rename(unfinished, product);
  } finally {
    await Deno.remove(unfinished).catch(() => {});
  }
  await Deno.writeTextFile(stamp, inputs);
  log(`${product}: ${kind}, deno ${Deno.version.deno}, bundle of ${kilobytes(bundle.length)}`);
  return product;
}

/** The stock deno with the bundle in a segment of its own. */
async function selfContained(bundle: string, output: string): Promise<void> {
  const program = await Deno.readFile(Deno.execPath());
  const packed = pack(program, new TextEncoder().encode(bundle), LAUNCH);
  await Deno.writeFile(output, packed, { mode: 0o755 });
}

async function denoCompile(bundle: string, output: string): Promise<void> {
  const source = `${output}.js`;
  await Deno.writeTextFile(source, bundle);
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["compile", ...COMPILE_FLAGS, "--output", output, source],
    }).output();
    if (!success) throw new Error(`deno compile failed:\n${new TextDecoder().decode(stderr)}`);
  } finally {
    await Deno.remove(source);
  }
}

/** Whether `deno compile` finds its base without a download. */
async function hasDenort(): Promise<boolean> {
  if (Deno.env.get("DENORT_BIN")) return true;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  const file = `denort-${Deno.build.target}.zip`;
  return await exists(`${denoDir}/dl/release/v${Deno.version.deno}/${file}`);
}

async function upToDate(product: string, stamp: string, inputs: string): Promise<boolean> {
  const builtFrom = await Deno.readTextFile(stamp).catch(() => "");
  return builtFrom === inputs && await exists(product);
}

/** What makes the product, beside what goes into it. */
async function tools(): Promise<string[]> {
  const files = ["compile.ts", "compile/elf.ts", "compile/pack.ts", "compile/machine_code.ts"];
  return await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, import.meta.url))));
}

async function hash(...texts: string[]): Promise<string> {
  const bytes = new TextEncoder().encode(texts.join("\0"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function kilobytes(length: number): string {
  return `${Math.round(length / 1000)} kB`;
}

const SHARED_FLAGS = ["-A", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--no-prompt"];
const COMPILE_FLAGS = [...SHARED_FLAGS, "--no-check", "--no-code-cache"];

const LAUNCH: Launch = {
  flags: ["run", ...SHARED_FLAGS, "--no-code-cache", "--ext=js"],
  // Without HOME and DENO_DIR deno stops at once; this one cannot exist, so nothing is ever
  // written.
  variables: [
    "DENO_DIR=/proc/self/deno-none",
    "DENO_NO_UPDATE_CHECK=1",
    "DENO_NO_PACKAGE_JSON=1",
    "DENO_DISABLE_NODE_SHIM=1",
  ],
};

const DIST = new URL("../dist", import.meta.url).pathname;

// deno-lint-ignore no-console
if (import.meta.main) await compile(console.error);
