/**
 * Reasons of an end as people read them: a sentence, and HAProxy's two letters. Worker threads know
 * numbers only.
 */

import { CLOSING } from "./closing.ts";
import { CONNECTING, HELD, RELAYING, WAITING } from "./connection_table.ts";

/** The name of a reason. */
export type ClosingName = keyof typeof CLOSING;

/** The name of a reason by its number. */
export function closingName(closing: number): ClosingName {
  return NAMES[closing] ?? "finished";
}

/** Why a connection has ended, in words. */
export const CLOSING_WORDS: Readonly<Record<ClosingName, string>> = {
  finished: "both sides have ended it in order",
  clientReset: "the client has reset it",
  serverReset: "the server has reset it",
  idleTimeout: "no byte came either way within timeouts.idle",
  halfClosedTimeout: "one side had ended, the other was silent for timeouts.halfClosed",
  noServer: "no server of the backend takes connections",
  connectFailed: "the server could not be connected to",
  connectTimeout: "the server did not answer within timeouts.connect",
  shortage: "descriptors or memory were missing",
  queueTimeout: "no server had a place within timeouts.queue",
  queueFull: "as many wait for a server as may",
  prefaceTimeout: "the client did not say in time what it has to say first",
  badPreface: "what the client said first is not what it has to be",
  denied: "the client's address is not allowed",
  rateLimit: "new connections came faster than connectionRate",
  connectionLimit: "there were as many connections as maxConnections",
  killed: "an operator has killed it",
  serverDown: "its server was marked down",
  released: "the address it came by has left this node",
  stopping: "lintel was stopped",
  noRoute: "no route leads anywhere for the server name that the client asked for",
};

/** When a connection ended: its phase, and whether its client had ended its stream before. */
export interface EndState {
  readonly phase: number;
  readonly clientEnded: boolean;
}

/**
 * HAProxy's termination code: who or what ended it, and in which state.
 *
 * @see HAProxy's configuration manual, section 8.5
 */
export function terminationCode(name: ClosingName, { phase, clientEnded }: EndState): string {
  const stage = stageOf(phase);
  switch (name) {
    case "finished":
      return "--";
    case "clientReset":
      return `C${stage}`;
    case "serverReset":
      return `S${stage}`;
    case "idleTimeout":
      return "cD";
    case "halfClosedTimeout":
      // Who has not ended yet is who was waited for.
      return clientEnded ? "sD" : "cD";
    case "connectTimeout":
      return "sC";
    case "noServer":
    case "connectFailed":
      return "SC";
    case "shortage":
      return "RC";
    case "queueTimeout":
      return "sQ";
    case "queueFull":
      return "SQ";
    case "prefaceTimeout":
      return "cR";
    case "badPreface":
    case "denied":
    case "rateLimit":
    case "connectionLimit":
    case "noRoute":
      return "PR";
    case "serverDown":
      return "D-";
    case "killed":
    case "released":
    case "stopping":
      return "K-";
  }
}

/** The request, the queue, the connection to the server, or data. */
function stageOf(phase: number): string {
  switch (phase) {
    case RELAYING:
      return "D";
    case CONNECTING:
    case WAITING:
      return "C";
    case HELD:
      return "R";
    default:
      return "Q";
  }
}

const NAMES = Object.keys(CLOSING).filter((name): name is ClosingName => name in CLOSING);
