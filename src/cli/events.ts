/**
 * `lintel events` and `lintel why`: the flight recorder, and its last transition in prose. Nothing
 * is judged that the record does not say.
 */

import { type Event, EventSchema, type Transition } from "../admin/model_events.ts";
import type { Tracker } from "../admin/model.ts";
import { harmless } from "../core/text/harmless.ts";
import { type AdminClient, readAs } from "./client.ts";
import { EXIT, Failure } from "./exit_code.ts";
import { type Cell, paint, type Tone } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `lintel events`. */
export interface EventsOptions {
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** Prints the events one a line, as JSON Lines or for people; with `follow` also those to come. */
export async function events(
  client: AdminClient,
  { follow, json }: EventsOptions,
  terminal: Terminal,
): Promise<number> {
  const print = (event: Event) =>
    terminal.out(json ? `${JSON.stringify(event)}\n` : formatEvent(event, terminal.colours));
  if (!follow) {
    for (const event of await list(client)) print(event);
    return EXIT.done;
  }
  for await (const data of client.follow("/v1/events")) print(readAs(EventSchema, data));
  throw new Failure(EXIT.noAnswer, "the appliance has ended the stream");
}

/** Explains the last transition, of one virtual router or of any. */
export async function why(
  client: AdminClient,
  router: string | undefined,
  { json }: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const last = (await list(client)).findLast(({ transition, virtualRouter }) =>
    transition !== null && (router === undefined || router === virtualRouter)
  );
  if (!last) {
    const whose = router === undefined ? "" : ` of virtual router ${router}`;
    throw new Failure(EXIT.failed, `no transition${whose} is known`);
  }
  terminal.out(json ? JSON.stringify(last, null, 2) + "\n" : explain(last) + "\n");
  return EXIT.done;
}

/** One transition in prose. */
export function explain({ at, node, message, transition }: Event): string {
  if (!transition) return message;
  const { from, latenessSeconds, lastAdvertisement } = transition;
  const heard = lastAdvertisement === null
    ? "No advertisement of a peer had ever been accepted."
    : `The last advertisement had come ${seconds(lastAdvertisement.ageSeconds)} before, from ` +
      `${lastAdvertisement.address} with priority ${lastAdvertisement.priority}.`;
  const late = latenessSeconds < NOTABLE_SECONDS
    ? "This node's own timers were on time."
    : `This node was not run in time: it woke up ${seconds(latenessSeconds)} late.`;
  return harmless([
    `At ${at} on ${node} ${message} (it was ${from} before).`,
    heard,
    priorityOf(transition),
    late,
  ].join(" "));
}

function priorityOf({ priority: { configured, effective }, trackers }: Transition): string {
  const bad = trackers.filter(({ good }) => !good);
  const moved = effective === configured
    ? `The priority was ${effective}, as configured`
    : `The priority was ${effective} instead of the configured ${configured}`;
  if (trackers.length === 0) return `${moved}.`;
  if (bad.length === 0) return `${moved}; all that is tracked was good.`;
  return `${moved}; bad were ${bad.map(describeTracker).join(" and ")}.`;
}

/** A bad tracker in words. */
export function describeTracker({ name, effect, detail }: Tracker): string {
  const what = effect === "yield" ? "yield" : effect > 0 ? `without its +${effect}` : `${effect}`;
  return `${name} (${what}: ${detail})`;
}

function formatEvent({ at, kind, message, by, reason }: Event, colours: boolean): string {
  const who = by === null ? "" : ` (by ${by}${reason === null ? "" : `: ${reason}`})`;
  const what: Cell = { text: kind.padEnd(10), tone: TONES[kind] };
  return `${at}  ${paint(what, colours)}  ${harmless(message + who)}\n`;
}

async function list(client: AdminClient): Promise<Event[]> {
  const { body } = await client.get("/v1/events");
  const items = typeof body === "object" && body !== null && "items" in body ? body.items : body;
  return readAs(EventSchema.array(), items);
}

function seconds(amount: number): string {
  return amount < 1 ? `${(amount * 1e3).toFixed(1)} ms` : `${amount.toFixed(2)} s`;
}

const TONES: Readonly<Record<Event["kind"], Tone>> = {
  appliance: "quiet",
  transition: "strong",
  tracker: "attention",
  server: "attention",
  change: "quiet",
  failover: "strong",
  standby: "strong",
  reload: "strong",
};

/** Less is what any thread has. */
const NOTABLE_SECONDS = 0.01;
