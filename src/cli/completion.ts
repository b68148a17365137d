/**
 * What a shell offers while somebody types: the verbs, their options, and the names of what runs.
 * The scripts ask `lintel complete` with the words so far; all knowledge is here.
 */

import { Argument, type Command } from "commander";
import { StatusSchema } from "../admin/model.ts";
import { readAs } from "./client.ts";
import { clientFor } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** Adds `completion SHELL`, which prints a script, and `complete`, which the script asks. */
export function addCompletion(program: Command, terminal: Terminal): void {
  program.command("completion")
    .addArgument(new Argument("<shell>").choices(Object.keys(SCRIPTS)))
    .description("Print a script that completes verbs, options and names: bash, zsh or fish.")
    .action((shell: keyof typeof SCRIPTS) => terminal.out(SCRIPTS[shell]));
  program.command("complete", { hidden: true })
    .argument("[words...]", "the words after lintel, the last one unfinished")
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const offered = await offers(program, words, () => namesOf(terminal));
      terminal.out(offered.map((one) => `${one}\n`).join(""));
    });
}

/** Names of what runs, by the words that arguments are described with. */
type Names = Readonly<Record<string, readonly string[]>>;

/** What fits the last of the words. */
async function offers(
  program: Command,
  words: readonly string[],
  names: () => Promise<Names>,
): Promise<readonly string[]> {
  const last = words.at(-1) ?? "";
  const fits = (offered: readonly string[]) => offered.filter((one) => one.startsWith(last)).sort();
  const verb = program.commands.find((command) => command.name() === words[0]);
  if (words.length <= 1 || !verb) {
    const verbs = program.createHelp().visibleCommands(program).map((command) => command.name());
    return words.length <= 1 ? fits(verbs) : [];
  }
  const before = verb.options.find(({ long, short }) => [long, short].includes(words.at(-2)));
  if (before && !before.isBoolean()) return fits(before.argChoices ?? await namesFor(before.flags));
  if (last.startsWith("-")) return fits(verb.options.flatMap((option) => option.long ?? []));
  const [argument] = verb.registeredArguments;
  if (!argument) return [];
  return fits(argument.argChoices ?? await namesFor(argument.name()));

  async function namesFor(described: string): Promise<readonly string[]> {
    const kinds = KINDS.filter((kind) => described.includes(kind));
    if (kinds.length === 0) return ON_OFF.test(described) ? ["on", "off"] : [];
    const known = await names();
    return kinds.flatMap((kind) => known[kind] ?? []);
  }
}

/** The names that the appliance knows; none where there is no answer. */
async function namesOf(terminal: Terminal): Promise<Names> {
  try {
    using client = clientFor({}, terminal);
    const { backends, virtualRouters } = readAs(
      StatusSchema,
      (await client.get("/v1/status")).body,
    );
    const groups = virtualRouters.flatMap(({ syncGroup }) => syncGroup ?? []);
    return {
      "backend/server": backends.flatMap(({ servers }) =>
        servers.map(({ backend, name }) => `${backend}/${name}`)
      ),
      "virtual-router": virtualRouters.map(({ name }) => name),
      "sync-group": [...new Set(groups)],
    };
  } catch {
    // Whoever presses Tab has not asked for an error.
    return {};
  }
}

const KINDS = ["backend/server", "virtual-router", "sync-group"];
const ON_OFF = /\bon\|off\b/;

const SCRIPTS = {
  bash: `# eval "$(lintel completion bash)"
_lintel() {
  mapfile -t COMPREPLY < <(lintel complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _lintel lintel
`,
  zsh: `#compdef lintel
# eval "$(lintel completion zsh)"
_lintel() {
  local -a offered
  offered=("\${(@f)$(lintel complete -- "\${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)}")
  if [[ -n "\${offered[1]}" ]]; then compadd -- "\${offered[@]}"; else _files; fi
}
compdef _lintel lintel
`,
  fish: `# lintel completion fish | source
complete -c lintel -f \\
  -a '(lintel complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
complete -c lintel -s c -l config -r -F
`,
} as const;
