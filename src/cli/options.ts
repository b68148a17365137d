/**
 * Options that several verbs share, and how they are read. It carries nothing out.
 */

import type { Command } from "commander";
import { AdminClient } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import type { Terminal } from "./terminal.ts";

/** Takes the exit code that a verb has ended with. */
export type End = (exitCode: number) => void;

/** The options of every verb about a running appliance. */
export interface ClientOptions {
  readonly admin?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly json?: boolean;
}

/** Gives a verb the options of every verb about a running appliance. */
export function asClient(verb: Command): Command {
  return verb
    .option(
      "--admin <address>",
      `unix:/path, http://127.0.0.1:port or https://host:port (LINTEL_ADMIN; ${DEFAULT_ADMIN})`,
    )
    .option("--token-file <file>", "file that holds the token (LINTEL_TOKEN_FILE)")
    .option("--ca-file <file>", "authority of an https address (LINTEL_CA_FILE)");
}

/** A client of the appliance that the options or the environment name. @throws {Failure} */
export function clientFor(options: ClientOptions, terminal: Terminal): AdminClient {
  const address = options.admin ?? (terminal.env("LINTEL_ADMIN") || DEFAULT_ADMIN);
  const file = options.tokenFile ?? (terminal.env("LINTEL_TOKEN_FILE") || undefined);
  const ca = options.caFile ?? (terminal.env("LINTEL_CA_FILE") || undefined);
  return new AdminClient({
    address,
    token: file === undefined ? undefined : readText("--token-file", file).trim(),
    authority: ca === undefined ? undefined : readText("--ca-file", ca),
  });
}

/** The failure of what does not exist so far. */
export function notYet(what: string): Failure {
  return new Failure(EXIT.usage, `${what} is not supported yet`);
}

function readText(option: string, file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Failure(EXIT.usage, `${option} ${file}: ${cause}`);
  }
}

const DEFAULT_ADMIN = "unix:/run/lintel/admin.sock";
