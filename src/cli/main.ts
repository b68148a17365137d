/**
 * The command line: arguments become a verb with its options, its outcome an exit code. Verbs about
 * a running appliance are clients of the admin API; what runs one is handed in.
 */

import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { check, type CheckOptions, type Host } from "./check.ts";
import { addCompletion } from "./completion.ts";
import { events, type EventsOptions, why } from "./events.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { failover, type FailoverOptions, standby, type StandbyOptions } from "./handover.ts";
import { asClient, clientFor, type ClientOptions, type End, notYet } from "./options.ts";
import { plan, type PlanOptions } from "./plan.ts";
import { reload, type ReloadOptions } from "./reload.ts";
import { addServerVerbs } from "./server_verbs.ts";
import { status } from "./status.ts";
import { processTerminal, type Terminal } from "./terminal.ts";
import { watchStatus } from "./watch.ts";

/** What the command line cannot do by itself. */
export interface Commands {
  /** Runs an appliance until it is stopped, and answers with the exit code. */
  readonly run: (options: { file: string; node?: string | undefined }) => Promise<number>;
  readonly hostFacts: Host["hostFacts"];
  readonly refusedListeners: Host["refusedListeners"];
  readonly build: {
    readonly version: string;
    readonly kind: string;
    readonly deno: string;
    readonly v8: string;
  };
}

/** Carries out one command line and answers with the exit code. */
export async function main(
  args: readonly string[],
  commands: Commands,
  terminal: Terminal = processTerminal(),
): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = newProgram(commands, terminal, (code) => exitCode = code);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has already said what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof Failure)) throw error;
    terminal.err(`lintel: ${error.message}\n`);
    return error.exitCode;
  }
}

function newProgram(commands: Commands, terminal: Terminal, end: End): Command {
  const program = new Command("lintel")
    .description("Load balancer and virtual IP in one binary.")
    .version(commands.build.version, "-V, --version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, "lintel: ")),
      getOutHasColors: () => terminal.colours,
      getErrHasColors: () => false,
    })
    .showHelpAfterError("lintel VERB --help says more")
    .helpCommand(false);
  addRun(program, commands, terminal, end);
  addCheck(program, commands, terminal, end);
  addPlan(program, terminal, end);
  addReload(program, terminal, end);
  addStatus(program, terminal, end);
  addServerVerbs(program, terminal, end);
  addFailover(program, terminal, end);
  addStandby(program, terminal, end);
  addEvents(program, terminal, end);
  addVersion(program, commands, terminal);
  addCompletion(program, terminal);
  for (const verb of NOT_YET) {
    program.command(verb)
      .description("(not supported yet)")
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw notYet(verb);
      });
  }
  return program;
}

function addRun(program: Command, { run }: Commands, terminal: Terminal, end: End): void {
  program.command("run")
    .description("Run in the foreground until SIGTERM or SIGINT; a second one stops at once.")
    .addOption(configOption(terminal))
    .option("--node <name>", "which node of the file this is")
    .action(async ({ config, node }) => {
      end(await run({ file: config, node }));
    });
}

function addCheck(program: Command, commands: Commands, terminal: Terminal, end: End): void {
  program.command("check")
    .description("Validate everything, for every node unless one is named.")
    .addOption(configOption(terminal))
    .option("--node <name>", "check for this node only")
    .option("--offline", "skip what only this host can tell")
    .option(
      "--resolved",
      "print the file with every default filled in, for each node that it may be",
    )
    .option("--json", "print problems, warnings and nodes as JSON")
    .action(async (options: CheckOptions) => {
      end(await check(options, terminal, commands));
    });
}

function addPlan(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("plan"))
    .description("What the file would change, if the running appliance ran from it.")
    .addOption(configOption(terminal))
    .option("--exit-code", "end with 9 where something would change")
    .option("--json", "print the changes")
    .action(async (options: PlanOptions) => {
      using client = clientFor(options, terminal);
      end(await plan(client, options, terminal));
    });
}

function addReload(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("reload"))
    .description("Have the running appliance read its file again; prints what has changed.")
    .option("--dry-run", "only print what would change")
    .option("--reason <text>", "why, for those who look later")
    .option("--json", "print what has changed as JSON")
    .action(async (options: ReloadOptions) => {
      using client = clientFor(options, terminal);
      end(await reload(client, options, terminal));
    });
}

function addStatus(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("status"))
    .description("One screen: virtual routers, frontends, backends, servers.")
    .option("--json", "print the document of GET /v1/status")
    .option("--live", "print nothing; end with 0 or 1, as /livez answers: for health checks")
    .option("--watch", "keep showing it; with --json a line for each time")
    .action(async (options) => {
      using client = clientFor(options, terminal);
      if (options.watch) await watchStatus(client, options, terminal);
      end(await status(client, options, terminal));
    });
}

function addFailover(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("failover <virtual-router|sync-group>"))
    .description("Hand over to the peer as planned; connections on the addresses are reset.")
    .option("--hold <duration>", "do not preempt for so long", "60s")
    .option("--dry-run", "only say who would be asked and what would be reset")
    .option("--force", "leave also where no peer takes over")
    .option("--reason <text>", "why, for those who look later")
    .option("--json", "print the handover")
    .action(async (name: string, options: FailoverOptions) => {
      using client = clientFor(options, terminal);
      end(await failover(client, name, options, terminal));
    });
}

function addStandby(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("standby"))
    .argument("<on|off>", "refuse to be Active, also after a restart, or no longer", onOff)
    .description("Refuse to be Active; refused itself if no peer takes over, unless --force.")
    .option("--for <duration>", "it ends by itself after so long")
    .option("--force", "also where no peer takes over")
    .option("--reason <text>", "why, for those who look later")
    .option("--json", "print standby after the change")
    .action(async (enabled: boolean, options: StandbyOptions) => {
      using client = clientFor(options, terminal);
      end(await standby(client, enabled, options, terminal));
    });
}

function addEvents(program: Command, terminal: Terminal, end: End): void {
  asClient(program.command("events"))
    .description("The flight recorder: what happened, oldest first.")
    .option("--follow", "print also what is still to happen")
    .option("--json", "print JSON Lines")
    .action(async (options: EventsOptions) => {
      using client = clientFor(options, terminal);
      end(await events(client, options, terminal));
    });
  asClient(program.command("why [virtual-router]"))
    .description("The last transition explained.")
    .option("--json", "print its record")
    .action(async (router: string | undefined, options: ClientOptions) => {
      using client = clientFor(options, terminal);
      end(await why(client, router, options, terminal));
    });
}

function addVersion(program: Command, { build }: Commands, terminal: Terminal): void {
  program.command("version")
    .description("Version, Deno and V8 versions, kind of build.")
    .option("--json", "print them as JSON")
    .action(({ json }) => {
      const { version, kind, deno, v8 } = build;
      terminal.out(
        json
          ? JSON.stringify({ version, kind, deno, v8 }, null, 2) + "\n"
          : `lintel ${version} (${kind})\ndeno ${deno}\nv8 ${v8}\n`,
      );
    });
}

function configOption(terminal: Terminal): Option {
  return new Option("-c, --config <file>", "the configuration (LINTEL_CONFIG)")
    .default(terminal.env("LINTEL_CONFIG") || "/etc/lintel/lintel.yaml");
}

function onOff(value: string): boolean {
  if (value === "on" || value === "off") return value === "on";
  throw new InvalidArgumentError("Expected on or off.");
}

const NOT_YET = [
  "import",
  "doctor",
  "manifest",
];
