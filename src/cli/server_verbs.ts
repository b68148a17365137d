/**
 * The verbs about servers, as the command line has them: their arguments and options. What they do
 * is in a module of each.
 */

import { Argument, type Command, Option } from "commander";
import { addServer, type AddServerOptions, removeServer } from "./added_servers.ts";
import { connections, type ConnectionsOptions } from "./connections.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { asClient, clientFor, type ClientOptions, type End } from "./options.ts";
import { overrides, type OverridesOptions } from "./overrides.ts";
import {
  changeServers,
  parseServerName,
  parseTime,
  parseWeight,
  type ServerPatch,
} from "./servers.ts";
import type { Terminal } from "./terminal.ts";

/** Adds `drain`, `ready`, `maint`, `weight`, `server`, `overrides` and `connections`. */
export function addServerVerbs(program: Command, terminal: Terminal, end: End): void {
  addStates(program, terminal, end);
  addWeight(program, terminal, end);
  addServerVerb(program, terminal, end);
  asClient(program.command("overrides"))
    .description("Everything that differs from the file: who, when, why, until.")
    .option("--clear [backend/server]", "back to the file with this server; */SERVER: everywhere")
    .option("--all", "back to the file with everything, also as --clear --all")
    .option("--reason <text>", "why, for those who look later")
    .option("--json", "print them as JSON")
    .action(async (options: OverridesOptions & ClientOptions) => {
      using client = clientFor(options, terminal);
      end(await overrides(client, options, terminal));
    });
  asClient(program.command("connections"))
    .description("List connections, or kill them.")
    .option("--backend <name>", "only of this backend")
    .option("--server <name>", "only of servers of this name")
    .option("--client <cidr>", "only of clients in this prefix")
    .option("--kill", "kill them; needs one of the above, or --all")
    .option("--all", "kill all")
    .option("--rate <n/s>", "kill so many a second at most, such as 100/s")
    .option("--reason <text>", "why, for those who look later")
    .option("--json", "print them as JSON")
    .action(async (options: ConnectionsOptions & ClientOptions) => {
      using client = clientFor(options, terminal);
      end(await connections(client, options, terminal));
    });
}

interface StateOptions extends ClientOptions {
  readonly reason?: string;
  readonly for?: string;
  readonly wait?: string;
  readonly then?: "leave" | "kill";
}

function addStates(program: Command, terminal: Terminal, end: End): void {
  const verbs = [
    { state: "drain", does: "No new connections; checks go on." },
    { state: "ready", does: "Take connections again." },
    { state: "maint", does: "No connections; checks stop." },
  ] as const;
  for (const { state, does } of verbs) {
    const verb = asClient(program.command(`${state} <backend/server>`))
      .description(`${does} */SERVER means every backend that has it.`)
      .option("--reason <text>", "why, for those who look later")
      .option("--for <duration>", "it ends by itself after so long")
      .option("--local", "on this node only, as every change is without a cluster")
      .option("--json", "print the servers after the change; with --wait JSON Lines");
    if (state === "drain") {
      verb.option("--wait <duration>", "show remaining connections until none is left, or so long")
        .addOption(
          new Option("--then <what>", "at the deadline, which the appliance keeps: leave or kill")
            .default("leave").choices(["leave", "kill"]),
        );
    }
    verb.action(async (server: string, options: StateOptions) => {
      const name = parseServerName(server);
      const { waitMs, patch } = timesOf(options);
      using client = clientFor(options, terminal);
      end(
        await changeServers(client, name, { state, ...patch }, {
          ...{ json: options.json === true, then: options.then ?? "leave" },
          ...(waitMs !== undefined && { waitMs }),
        }, terminal),
      );
    });
  }
}

/** What the options say of why, how long and until when. */
function timesOf(options: StateOptions): { waitMs?: number; patch: ServerPatch } {
  const waitMs = options.wait === undefined ? undefined : parseTime("--wait", options.wait);
  if (options.then === "kill" && !waitMs) {
    throw new Failure(
      EXIT.usage,
      "--then kill needs --wait, which says how long connections may stay, such as --wait 5m; " +
        "lintel connections --kill ends them at once",
    );
  }
  const patch = {
    ...lastingOf(options),
    ...(options.wait && waitMs && {
      ...{ deadline: options.wait, onDeadline: options.then ?? "leave" },
    }),
  };
  return { ...(waitMs !== undefined && { waitMs }), patch };
}

/** What the options say of why and how long. */
function lastingOf({ reason, for: ttl }: StateOptions): Pick<ServerPatch, "reason" | "ttl"> {
  if (ttl !== undefined) parseTime("--for", ttl);
  return { ...(reason && { reason }), ...(ttl !== undefined && { ttl }) };
}

function addWeight(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("weight <backend/server> <weight>"))
    .description("Set the weight: 0 to 256, a percentage of the file's, or default.")
    .option("--reason <text>", "why, for those who look later")
    .option("--for <duration>", "it ends by itself after so long")
    .option("--json", "print the servers after the change")
    .action(async (server: string, weight: string, options: StateOptions) => {
      const name = parseServerName(server);
      const patch: ServerPatch = { weight: parseWeight(weight), ...lastingOf(options) };
      using client = clientFor(options, terminal);
      end(await changeServers(client, name, patch, { json: options.json === true }, terminal));
    });
}

function addServerVerb(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("server"))
    .addArgument(new Argument("<what>", "add or remove").choices(["add", "remove"]))
    .argument("<backend/server>")
    .argument("[address]", "ADDRESS[:PORT] of a server to add")
    .description("Add a server until it is removed, or remove one that was added.")
    .option("--weight <n>", "0 to 256; by default as the backend's servers")
    .option("--force", "remove it also while it has connections, which are ended")
    .option("--reason <text>", "why, for those who look later")
    .option("--json", "print the server as JSON")
    .action(
      async (
        what: "add" | "remove",
        name: string,
        address: string | undefined,
        options: AddServerOptions & ClientOptions,
      ) => {
        const verb = what === "add" ? addServer : removeServer;
        using client = clientFor(options, terminal);
        end(await verb(client, parseServerName(name), { ...options, address }, terminal));
      },
    );
}
