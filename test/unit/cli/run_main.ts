/**
 * The command line on a fake terminal, without a host and without an appliance of its own.
 */

import { type Commands, main } from "../../../src/cli/main.ts";
import type { FakeTerminal } from "./fake_terminal.ts";

/** Runs `lintel` with these arguments; whoever needs the host fails. */
export async function runMain(
  args: readonly string[],
  terminal: FakeTerminal,
  run: Commands["run"] = () => Promise.resolve(0),
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const commands: Commands = {
    run,
    hostFacts: () => {
      throw new Error("the host was asked");
    },
    refusedListeners: () => [],
    build: { version: "1.2.3", kind: "source", deno: "2.9.6", v8: "15.0" },
  };
  const exitCode = await main(args, commands, terminal);
  return { exitCode, stdout: terminal.stdout, stderr: terminal.stderr };
}
