/**
 * HTTP on a TCP port that strangers can reach, by TLS or in clear, or on a unix socket, within
 * bounds: so many connections at a time, and so much time for each step. `Deno.serve` has neither,
 * tells no descriptors, and every connection costs one that the data plane may need. Knows nothing
 * of what is asked.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TLSSocket } from "node:tls";

/** Who asks, as far as the connection tells. */
export interface Peer {
  /** The common name of the client's certificate, where its authority is the one asked for. */
  readonly certified: string | null;
  /** Where it comes from; `null` on a unix socket. */
  readonly address: string | null;
  /** The connection's descriptor, good for the moment in which this is given; `null`: not known. */
  readonly descriptor: number | null;
}

/** Where to listen. */
export type Place =
  | { readonly hostname: string; readonly port: number; readonly tls?: TlsOptions | null }
  | { readonly path: string };

/** What reading a body fails with when the other side ends before it. */
export class BrokenBody extends Error {
  override name = "BrokenBody";
}

/**
 * Answers a request; its URL has the path and the query that were asked for, and no more. Its
 * signal is aborted where whoever asked goes before it has all of the answer.
 */
export type Answer = (request: Request, peer: Peer) => Response | Promise<Response>;

/** Certificates as PEM text. */
export interface TlsOptions {
  readonly certificate: string;
  readonly key: string;
  /** `null` means that clients need not show who they are. */
  readonly clientCa: string | null;
}

/** How much strangers can take. */
export interface HttpBounds {
  /** Who comes when there are so many is closed at once. */
  readonly connections: number;
  /** From the connection, or the request before, to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** As above, to the end of the body. */
  readonly requestTimeoutMs: number;
  /** How long an answered connection may wait for its next request. */
  readonly idleTimeoutMs: number;
  /** How long nothing may move while an answer is under way; it may be as long in the making. */
  readonly silenceTimeoutMs: number;
  /** How often that is looked at. */
  readonly checkEveryMs: number;
}

/** A listener while it is open. */
export interface HttpListener {
  /** Takes no more requests, and lets those that are being answered end. */
  shutdown(): Promise<void>;
}

/**
 * Listens on a port or a unix socket, which is there when this first waits and gone after the end.
 *
 * @throws what kept it from doing so, with a `code` such as `EADDRINUSE`.
 */
export async function listenHttp(
  place: Place,
  answer: Answer,
  bounds: HttpBounds = BOUNDS,
): Promise<HttpListener> {
  /** Answers under way. */
  const answers = new Set<Promise<void>>();
  const times = {
    headersTimeout: bounds.headersTimeoutMs,
    requestTimeout: bounds.requestTimeoutMs,
    keepAliveTimeout: bounds.idleTimeoutMs,
    connectionsCheckingInterval: bounds.checkEveryMs,
  };
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { silenceTimeoutMs } = bounds;
    const under = serve(incoming, outgoing, answer, silenceTimeoutMs)
      .finally(() => answers.delete(under));
    answers.add(under);
  };
  const server = "port" in place && place.tls
    ? createTlsServer({ ...times, ...secure(place.tls, bounds) }, listener)
    : createServer(times, listener);
  server.maxConnections = bounds.connections;
  server.setTimeout(bounds.silenceTimeoutMs);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const where = "port" in place ? { host: place.hostname, port: place.port } : place;
    server.listen(where, resolve);
  });
  const shutdown = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    while (answers.size > 0) await Promise.all(answers);
    // Those who have asked nothing, or not all of it, are not waited for.
    server.closeAllConnections();
    await closed;
  };
  return { shutdown };
}

/** Answers a request. Never fails. */
async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: Answer,
  silenceTimeoutMs: number,
): Promise<void> {
  const request = requestOf(incoming, goneBefore(outgoing));
  const { socket } = incoming;
  try {
    // The silence until there is an answer is ours.
    socket.setTimeout(0);
    const response = request
      ? await answer(request, peerOf(incoming))
      : new Response(null, { status: 400 });
    socket.setTimeout(silenceTimeoutMs);
    outgoing.writeHead(response.status, [...response.headers].flat());
    await pipeline(response.body ? Readable.fromWeb(response.body) : [], outgoing);
    passOver(incoming);
  } catch {
    // The reader has gone, or the source of the answer has failed in the middle of it.
    outgoing.destroy();
  }
}

/** Aborted when the connection ends before all of the answer is out. */
function goneBefore(outgoing: ServerResponse): AbortSignal {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** What nobody wanted to read stands before the connection's next request. */
function passOver(incoming: IncomingMessage): void {
  let left = MOST_UNREAD_BYTES;
  incoming.on("data", ({ length }: { readonly length: number }) => {
    left -= length;
    if (left < 0) incoming.socket.destroy();
  });
  incoming.resume();
}

function secure({ certificate, key, clientCa }: TlsOptions, bounds: HttpBounds) {
  return {
    cert: certificate,
    key,
    minVersion: "TLSv1.2" as const,
    handshakeTimeout: bounds.headersTimeoutMs,
    // Who shows none may still have a token: that is for those who answer to decide.
    ...(clientCa !== null && { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
}

function peerOf({ socket }: IncomingMessage): Peer {
  return {
    certified: certifiedName(socket),
    address: socket.remoteAddress ?? null,
    descriptor: descriptorOf(socket),
  };
}

function certifiedName(socket: Socket): string | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
  const { subject } = socket.getPeerCertificate();
  return subject?.CN ?? null;
}

/** No interface tells it, but the object beneath a socket has it, in Node as in Deno. */
function descriptorOf(socket: Socket): number | null {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  if (typeof handle !== "object" || handle === null || !("fd" in handle)) return null;
  return typeof handle.fd === "number" && handle.fd >= 0 ? handle.fd : null;
}

/** `undefined` where it is nothing that could be answered: another method, or no path. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { method = "GET", rawHeaders, url = "/" } = incoming;
  const headers = new Headers();
  try {
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    }
    // It is read only as far as somebody wants it.
    const body = method === "GET" || method === "HEAD"
      ? null
      : ReadableStream.from(bodyOf(incoming));
    return new Request(new URL(url, "http://lintel"), { method, headers, body, signal });
  } catch {
    return undefined;
  }
}

async function* bodyOf(incoming: IncomingMessage) {
  try {
    yield* incoming.iterator({ destroyOnReturn: false });
  } catch (cause) {
    throw new BrokenBody("the body breaks off", { cause });
  }
}

/**
 * Probes and scrapes are short; a follower of events hears something four times a minute. Two such
 * listeners take half of the descriptors that are kept for everything but connections.
 */
export const BOUNDS: HttpBounds = {
  connections: 64,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  silenceTimeoutMs: 60_000,
  checkEveryMs: 1_000,
};

/** Another connection costs less than reading more than this to no end. */
const MOST_UNREAD_BYTES = 2_000_000;
