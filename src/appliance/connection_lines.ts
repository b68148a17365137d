/**
 * One line for each connection that has ended: HAProxy's `tcplog`, or JSON. Pure: times and names
 * are given.
 */

import { formatEndpoint } from "../core/net/prefix.ts";
import { CLOSING_WORDS, type ClosingName, terminationCode } from "../dataplane/closing_words.ts";

/** A connection that has ended, with its names. */
export interface EndedConnection {
  /** `null` where its client was gone before anybody could ask. */
  readonly client: { readonly address: string; readonly port: number } | null;
  /** Milliseconds since 1970. */
  readonly acceptedAt: number;
  readonly frontend: string;
  readonly backend: string;
  /** `null` where it was given none. */
  readonly server: string | null;
  /** `null` where it did not come to that. */
  readonly queueMs: number | null;
  readonly connectMs: number | null;
  readonly totalMs: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly closing: ClosingName;
  readonly phase: number;
  readonly clientEnded: boolean;
  readonly retries: number;
  readonly redispatched: boolean;
  /** Connections of each when it ended: with it in the first two, beside it in the others. */
  readonly connections: {
    readonly process: number;
    readonly frontend: number;
    readonly backend: number;
    readonly server: number;
  };
  /** Its place in the queue when it joined; 0 where it never waited. */
  readonly queuePlace: number;
  /** Whether that was the queue of one server, and not of the backend. */
  readonly isOwnQueue: boolean;
}

/**
 * HAProxy's line of `option tcplog`, without the syslog header.
 *
 * @see HAProxy's configuration manual, section 8.2.2
 */
export function tcplogLine(one: EndedConnection): string {
  const { client, connections, queueMs, connectMs, totalMs } = one;
  // HAProxy writes IPv6 without brackets, and "-" for what it does not know.
  const from = client ? `${client.address}:${client.port}` : "-";
  const times = [queueMs ?? -1, connectMs ?? -1, totalMs].map(whole).join("/");
  const { process, frontend, backend, server } = connections;
  const queues = one.isOwnQueue ? `${one.queuePlace}/0` : `0/${one.queuePlace}`;
  const retries = `${one.redispatched ? "+" : ""}${one.retries}`;
  return `${from} [${logTime(one.acceptedAt)}] ${one.frontend} ` +
    `${one.backend}/${one.server ?? "<NOSRV>"} ${times} ${one.sentBytes} ` +
    `${terminationCode(one.closing, one)} ` +
    `${process}/${frontend}/${backend}/${server}/${retries} ${queues}`;
}

/** The same as JSON, with the reason in words. */
export function jsonLine(one: EndedConnection): string {
  const { client, closing, connections } = one;
  return JSON.stringify({
    event: "connection",
    at: new Date(one.acceptedAt + one.totalMs).toISOString(),
    acceptedAt: new Date(one.acceptedAt).toISOString(),
    client: client && formatEndpoint(client.address, client.port),
    frontend: one.frontend,
    backend: one.backend,
    server: one.server,
    queueSeconds: seconds(one.queueMs),
    connectSeconds: seconds(one.connectMs),
    durationSeconds: seconds(one.totalMs),
    receivedBytes: one.receivedBytes,
    sentBytes: one.sentBytes,
    closing,
    reason: CLOSING_WORDS[closing],
    termination: terminationCode(closing, one),
    retries: one.retries,
    redispatched: one.redispatched,
    connections,
    queuePlace: one.queuePlace,
  });
}

/** `23/Nov/2026:07:48:03.702`, in local time. */
function logTime(at: number): string {
  const time = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(time.getDate())}/${MONTHS[time.getMonth()]}/${time.getFullYear()}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${day}:${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function whole(ms: number): number {
  return ms < 0 ? -1 : Math.round(ms);
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1e6;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
