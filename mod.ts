/**
 * The entry of the main thread: arguments in, exit code out.
 */

import { build } from "./src/appliance/bundle.ts";
import { hostFacts } from "./src/appliance/host.ts";
import { refusedListeners } from "./src/appliance/ports.ts";
import { run } from "./src/appliance/run.ts";
import { main } from "./src/cli/main.ts";

Deno.exit(await main(Deno.args, { run, hostFacts, refusedListeners, build }));
