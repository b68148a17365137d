/**
 * `lintel status --watch`: the status as it changes, each over the one before, until somebody
 * interrupts. The last one stays on the screen.
 */

import { StatusSchema } from "../admin/model.ts";
import { type AdminClient, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { formatStatus } from "./status.ts";
import { paint } from "./table.ts";
import type { Screen, Terminal } from "./terminal.ts";

/** Shows what the appliance streams, and goes on when it comes back after a restart. */
export async function watchStatus(
  client: AdminClient,
  { json }: { readonly json?: boolean },
  terminal: Terminal,
): Promise<never> {
  if (!json && !terminal.screen()) {
    throw new Failure(EXIT.usage, "--watch needs a terminal; for programs there is --watch --json");
  }
  for (let hasAnswered = false;;) {
    let cause = "the appliance has ended the stream";
    try {
      for await (const document of client.follow("/v1/status")) {
        hasAnswered = true;
        if (json) terminal.out(`${JSON.stringify(document)}\n`);
        else draw(formatStatus(readAs(StatusSchema, document), terminal.colours), terminal);
      }
    } catch (error) {
      // Who has never answered may not be there at all: that is for the caller to know.
      if (!(hasAnswered && error instanceof Failure)) throw error;
      cause = error.message;
    }
    if (!json) draw(`${paint({ text: cause, tone: "bad" }, terminal.colours)}\n`, terminal);
    await terminal.pause(PAUSE_MS);
  }
}

/** Writes over what is there, line by line, so that nothing flickers. */
function draw(text: string, terminal: Terminal): void {
  const screen = terminal.screen() ?? { columns: 80, rows: 24 };
  const lines = text.trimEnd().split("\n");
  const room = screen.rows - 1;
  const shown = lines.length <= room ? lines : [
    ...lines.slice(0, room - 1),
    `… and ${lines.length - room + 1} more lines`,
  ];
  const cut = shown.map((line) => `${cutTo(line, screen)}${TO_END_OF_LINE}\n`);
  terminal.out(HOME + cut.join("") + TO_END_OF_SCREEN);
}

/** A line that wrapped would push the others down. Colours take no room. */
function cutTo(line: string, { columns }: Screen): string {
  let room = columns;
  return line.replaceAll(COLOUR_OR_CHARACTER, (piece) => {
    if (piece.startsWith("\x1b")) return piece;
    return room-- > 0 ? piece : "";
  });
}

// deno-lint-ignore no-control-regex
const COLOUR_OR_CHARACTER = /\x1b\[\d+m|./gu;
const HOME = "\x1b[H";
const TO_END_OF_LINE = "\x1b[K";
const TO_END_OF_SCREEN = "\x1b[J";
const PAUSE_MS = 1_000;
