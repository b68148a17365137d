/**
 * The admin API's listeners: the unix socket always, TCP and the probes where the plan has them. It
 * refuses to take a socket from an appliance that still answers on it.
 */

import { dirname } from "node:path";
import type { AdminPlan } from "../core/plan/admin_plan.ts";
import { createAdminApp, createProbesApp } from "./app.ts";
import type { Appliance } from "./appliance.ts";
import type { Door, LocalPeer } from "./callers.ts";
import { type Answer, BOUNDS, type HttpListener, listenHttp } from "./http_listener.ts";
import { TcpDoor, type TcpPlace } from "./tcp_door.ts";

/**
 * Opens every listener of the plan; where one cannot be opened, those before it are closed again.
 *
 * @param localPeer who is at the other end of a connection of the socket, by its descriptor.
 */
export async function serveAdmin(
  appliance: Appliance,
  plan: AdminPlan,
  fault: (error: unknown) => void,
  localPeer: (descriptor: number) => LocalPeer | undefined = () => undefined,
): Promise<AdminServer> {
  const socketApp = createAdminApp(appliance, { kind: "socket" }, fault);
  const stopping = new AbortController();
  const answer: Answer = (request, peer) => {
    const local = peer.descriptor === null ? undefined : localPeer(peer.descriptor);
    return socketApp.fetch(request, { peer, local, ending: stopping.signal });
  };
  const socket = await serveSocket(plan, answer);
  const listen = new TcpDoor((place, answer) => serveTcp("admin.listen", place, answer));
  const probes = new TcpDoor((place, answer) => serveTcp("admin.probes", place, answer));
  /** Whom `admin.listen` lets in; its followers are asked again who they are when that changes. */
  let callers = "";
  let ending = new AbortController();
  const stop = async () => {
    stopping.abort();
    ending.abort();
    await Promise.all([socket.shutdown(), listen.stop(), probes.stop()]);
  };
  let applied = "";
  const apply = async (plan: AdminPlan) => {
    const wanted = JSON.stringify(plan);
    if (wanted === applied) return;
    applied = "";
    const app = createAdminApp(appliance, doorOf(plan), fault);
    const where = plan.listen && { ...plan.listen, tls: plan.tls };
    const others = JSON.stringify([where, plan.tokens]);
    if (others !== callers) {
      ending.abort();
      ending = new AbortController();
      callers = others;
    }
    const { signal } = ending;
    await listen.apply(where, (request, peer) => app.fetch(request, { peer, ending: signal }));
    const short = createProbesApp(appliance, fault);
    await probes.apply(plan.probes, (request) => short.fetch(request));
    applied = wanted;
  };
  try {
    await apply(plan);
  } catch (error) {
    await stop();
    throw error;
  }
  return { apply, stop };
}

/** The listeners of the admin API while they are open. */
export interface AdminServer {
  /**
   * Listens on TCP as another plan says, with its certificates and tokens. The socket stays;
   * whoever follows something on TCP has to ask again where these are others.
   *
   * @throws {CannotListen} naming the listener that cannot be opened.
   */
  apply(plan: AdminPlan): Promise<void>;
  /** Takes no more requests, lets those that are being answered end, and removes the socket. */
  stop(): Promise<void>;
}

/** A listener cannot be opened; the message names it, the cause and the remedy. */
export class CannotListen extends Error {
  override name = "CannotListen";
}

function doorOf({ listen, tls, tokens }: AdminPlan): Door {
  const loopback = listen !== null && isLoopback(listen.address);
  return { kind: "tcp", loopback, tokens, clientRole: tls?.clientCa ? tls.clientRole : undefined };
}

async function serveSocket({ socket, socketGroup }: AdminPlan, answer: Answer) {
  const group = groupId(socketGroup);
  await removeStale(socket);
  // The mask makes the socket 0660 at its birth: a chmod afterwards would leave a moment for
  // anybody.
  const mask = Deno.umask(0o117);
  let listening: Promise<HttpListener>;
  try {
    listening = listenHttp({ path: socket }, answer, SOCKET_BOUNDS);
  } finally {
    Deno.umask(mask);
  }
  let server: HttpListener | undefined;
  try {
    server = await listening;
    giveTo(socket, group);
    return server;
  } catch (error) {
    await server?.shutdown();
    throw cannot(`admin.socket ${socket}`, error);
  }
}

/** Root may use the socket whatever its group is: not being allowed to say so is no failure. */
function giveTo(path: string, group: number): void {
  try {
    if (Deno.statSync(path).gid !== group) Deno.chownSync(path, null, group);
  } catch (error) {
    if (group !== ROOT_GROUP || !(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

async function serveTcp(
  key: string,
  { address, port, tls = null }: TcpPlace,
  answer: Answer,
): Promise<HttpListener> {
  const hostnames = address === "*" ? EVERY_ADDRESS : [address];
  let failure: unknown;
  for (const hostname of hostnames) {
    try {
      return await listenHttp({ hostname, port, tls }, answer);
    } catch (error) {
      failure = error;
      if (codeOf(error) === "EADDRINUSE") break;
    }
  }
  throw cannot(`${key} ${address}:${port}`, failure);
}

/** Removes the socket of an appliance that ended without doing so; makes the directory. */
async function removeStale(path: string): Promise<void> {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const connection = await Deno.connect({ transport: "unix", path });
    connection.close();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (!(error instanceof Deno.errors.ConnectionRefused)) {
      throw cannot(`admin.socket ${path}`, error);
    }
    if (!Deno.lstatSync(path).isSocket) {
      throw new CannotListen(
        `admin.socket ${path}: a file that is no socket stands there; move it`,
      );
    }
    Deno.removeSync(path);
    return;
  }
  throw new CannotListen(
    `admin.socket ${path}: ${await whoAnswers(path)} answers there; stop it, or set admin.socket`,
  );
}

/** Who holds the socket, as far as they tell. */
async function whoAnswers(path: string): Promise<string> {
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    const response = await fetch("http://lintel/v1/status", { client, signal });
    const status: { node?: unknown; pid?: unknown } = await response.json();
    return `a running appliance (node ${status.node}, process ${status.pid})`;
  } catch {
    return "a running program";
  } finally {
    client.close();
  }
}

function groupId(group: string): number {
  // A container or chroot need not have the file for the default.
  if (group === "root") return ROOT_GROUP;
  if (/^\d+$/.test(group)) return Number(group);
  const id = groupsFile().split("\n").map((line) => line.split(":"))
    .find(([name]) => name === group)?.[2];
  if (id === undefined) {
    const name = JSON.stringify(group);
    throw new CannotListen(
      `admin.socketGroup: no group ${name} in /etc/group; make it, or name a number`,
    );
  }
  return Number(id);
}

function groupsFile(): string {
  try {
    return Deno.readTextFileSync("/etc/group");
  } catch {
    return "";
  }
}

function cannot(what: string, error: unknown): CannotListen {
  const cause = error instanceof Error ? error.message : String(error);
  const remedy = REMEDIES.get(codeOf(error) ?? "") ?? "is the address or path right?";
  return new CannotListen(`${what}: ${cause} (${remedy})`, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

const NOT_PERMITTED = "not permitted: run as root, or choose a path or port that this user may use";
/** By code of the error. `node:http` says EINVAL of an address that the host does not have. */
const REMEDIES = new Map([
  ["EADDRINUSE", "another program listens there: stop it or take another port"],
  ["EACCES", NOT_PERMITTED],
  ["EPERM", NOT_PERMITTED],
  ["EADDRNOTAVAIL", "the address is not on this host"],
  ["EINVAL", "the address is not on this host"],
]);

/** Whoever floods a port does not keep the operator from the socket, which has its own places. */
const SOCKET_BOUNDS = { ...BOUNDS, connections: 32 };
const ROOT_GROUP = 0;
/** The first takes both families; the second is for hosts without IPv6. */
const EVERY_ADDRESS = ["::", "0.0.0.0"];
const ASK_TIMEOUT_MS = 1_000;
