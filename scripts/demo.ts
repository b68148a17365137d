/**
 * `deno task demo`: two lintel nodes, three web servers and a client in network namespaces on this
 * machine. A server is drained, a server is killed, the Active node is killed, and the client's
 * longest time without an answer is told. Needs Deno and util-linux; root, or user namespaces.
 *
 *     deno task demo [--once] [--json] [--source]
 *
 * `--once` ends after the tour. `--json` prints every event as a line of JSON. `--source` runs
 * lintel from source instead of the binary. The exit code is 0 when nothing was lost that should
 * not have been.
 */

import { parseArgs } from "node:util";
import { EPERM, SystemError } from "../src/linux/errno.ts";
import { createNetworkNamespace } from "../src/linux/namespace.ts";
import { close } from "../src/linux/socket.ts";
import { compile } from "./compile.ts";
import { createScreen, type Screen } from "./demo/screen.ts";
import { Tour } from "./demo/tour.ts";
import { Lab } from "./lab/lab.ts";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      source: { type: "boolean", default: false },
    },
  });
  if (!mayMakeNamespaces()) return await runInUserNamespace();
  const screen = createScreen(values.json);
  const lintel = values.source
    ? [Deno.execPath(), "run", "--quiet", "-A", MOD]
    : [await compile((line) => screen.tell({ event: "compile", line }, line, "faint"))];
  return await tour(lintel, screen, values.once);
}

async function tour(lintel: readonly string[], screen: Screen, once: boolean): Promise<number> {
  let isOver = false;
  let code = 1;
  // Ctrl-C after the tour is how the demo ends; before, the tour was not finished.
  await using lab = Lab.create({
    exitCode: (usual) => {
      screen.end();
      return isOver ? code : usual;
    },
  });
  using tour = new Tour(lab, lintel, screen);
  try {
    await tour.run();
    isOver = true;
    code = tour.lost.length === 0 ? 0 : 1;
    if (!once) await tour.stay();
  } catch (error) {
    code = 1;
    const loss = error instanceof Error ? error.message : String(error);
    screen.tell({ event: "failed", loss }, loss, "bad");
    Deno.stderr.writeSync(new TextEncoder().encode(`${tour.logs()}\n`));
  }
  screen.end();
  return code;
}

function mayMakeNamespaces(): boolean {
  try {
    close(createNetworkNamespace());
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === EPERM) return false;
    throw error;
  }
}

/** Starts the same once more, as the root of a user namespace. */
async function runInUserNamespace(): Promise<number> {
  const remedy = "run the demo as root, or allow unprivileged user namespaces";
  if (Deno.env.get(INSIDE)) {
    Deno.stderr.writeSync(new TextEncoder().encode(`cannot make network namespaces: ${remedy}\n`));
    return 4;
  }
  const child = new Deno.Command("unshare", {
    args: ["-Urnm", Deno.execPath(), "run", "--quiet", "-A", import.meta.filename!, ...Deno.args],
    env: { [INSIDE]: "1" },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  // The terminal sends Ctrl-C to both; the other one cleans up and ends, and then so do we.
  Deno.addSignalListener("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => child.kill(signal));
  }
  return (await child.status).code;
}

const INSIDE = "LINTEL_DEMO_INSIDE";
const MOD = new URL("../mod.ts", import.meta.url).pathname;

if (import.meta.main) Deno.exit(await main());
