/**
 * What clients have to say before a server is chosen for them: a PROXY header, where it is asked
 * for, and a TLS ClientHello, where routes depend on it. Bytes stay in the kernel until all is
 * said, so that whoever is slow costs no buffer.
 */

import { parsePrefix, type Prefix } from "../core/net/prefix.ts";
import { PrefixSet } from "../core/net/prefix_set.ts";
import type { KeepalivePlan } from "../core/plan/plan.ts";
import { NO_ROUTE, ServerNames } from "../core/route/server_names.ts";
import {
  ClientHelloReader,
  HELLO_INVALID,
  HELLO_MORE,
  HELLO_NAMED,
  HELLO_NOT_TLS,
  MAX_WIRE_BYTES,
  UNRECOGNIZED_NAME_ALERT,
} from "../core/wire/client_hello.ts";
import {
  Endpoints,
  findProxySignature,
  INVALID,
  MAX_HEADER_BYTES,
  MORE,
  readProxyHeader,
} from "../core/wire/proxy_protocol.ts";
import { EAGAIN } from "../linux/errno.ts";
import type { Fd } from "../linux/libc.ts";
import {
  IPPROTO_TCP,
  SO_RCVLOWAT,
  SOL_SOCKET,
  TCP_CLOSE_WAIT,
  TCP_INFO,
  TCP_USER_TIMEOUT,
} from "../linux/socket.ts";
import { isAlike } from "./alike.ts";
import type { Clients } from "./clients.ts";
import { CLOSING, type Closing } from "./closing.ts";
import type { Parts } from "./connector.ts";
import { type Gate, HOLD, PASS, type Passage, READ } from "./gate.ts";
import { keepAlive } from "./keepalive.ts";
import type { Backend, Frontend, StartOrder } from "./orders.ts";
import { sendSmall } from "./small_send.ts";
import type { FrontendColumn } from "./tally.ts";

/** What the gate works with. */
export interface PrefaceParts extends Omit<Parts, "driver"> {
  readonly clients: Clients;
}

/** The gate of frontends that have something read from their clients first. */
export class Preface implements Gate {
  readonly #parts: PrefaceParts;
  /** By frontend: `null` where nothing is to be read; and what they were made of. */
  #rules: readonly (Rules | null)[] = [];
  #sources: readonly RuleSource[] = [];
  /** Frontends for which the last plan has changed them. */
  readonly #changed = new Set<number>();
  /** By slot: what is to come next. */
  readonly #stage: Uint8Array;
  /** By slot: how much had come when it was looked at last; −1 before. */
  readonly #seen: Int32Array;
  /** By slot: whether its socket has been told to wait for more than one byte. */
  readonly #isPatient: Uint8Array;
  /** By slot: whether the client's next bytes will be told. */
  readonly #isAttended: Uint8Array;
  readonly #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(MAX_PREFACE_BYTES);
  readonly #ends = new Endpoints();
  readonly #hello = new ClientHelloReader();

  constructor(start: Pick<StartOrder, "frontends" | "backends">, parts: PrefaceParts) {
    this.#parts = parts;
    const { capacity } = parts.table;
    this.#stage = new Uint8Array(capacity);
    this.#seen = new Int32Array(capacity);
    this.#isPatient = new Uint8Array(capacity);
    this.#isAttended = new Uint8Array(capacity);
    this.plan(start);
  }

  /**
   * Goes on with these frontends and backends. What has been read from a client stays read; call
   * {@linkcode reconsider} for those who are in the middle of it.
   */
  plan({ frontends, backends }: Pick<StartOrder, "frontends" | "backends">): void {
    const sources = frontends.map((frontend) => ruleSource(frontend, backends));
    this.#changed.clear();
    this.#rules = sources.map((source, index) => {
      if (isAlike(this.#sources[index], source)) return this.#rules[index]!;
      this.#changed.add(index);
      return rulesOf(source);
    });
    this.#sources = sources;
    if (frontends.some((one) => one.proxyProtocolFrom !== null)) this.#parts.clients.remember();
  }

  /** A held slot may have nothing more to say since the plan has changed. */
  reconsider(slot: number, now: number): void {
    const { chooser, table, wheel } = this.#parts;
    const frontend = table.frontend(slot);
    if (!this.#changed.has(frontend)) return;
    table.backend[slot] = chooser.defaultBackend(frontend);
    if ((this.#rules[frontend]?.names ?? null) === null) wheel.schedule(slot, now);
  }

  enter(slot: number, now: number): Passage {
    const { clients, table, wheel } = this.#parts;
    // The slot may have had a client who was believed.
    clients.forget(slot);
    const rules = this.#rules[table.frontend(slot)]!;
    if (rules === null) return PASS;
    this.#seen[slot] = -1;
    this.#isPatient[slot] = 0;
    this.#isAttended[slot] = 0;
    this.#stage[slot] = CLIENT_HELLO;
    if (rules.trusted !== null) {
      if (!clients.connecting(slot, this.#ends)) return CLOSING.clientReset;
      const { family, source } = this.#ends;
      this.#stage[slot] = rules.trusted.has(source, 0, family === 4 ? 4 : 16) ? HEADER : NO_HEADER;
    }
    wheel.schedule(slot, now + rules.timeoutMs);
    return this.#attend(slot, this.#read(slot, rules, now));
  }

  readable(slot: number, now: number): Passage {
    const rules = this.#rules[this.#parts.table.frontend(slot)]!;
    this.#isAttended[slot] = 0;
    return rules === null ? this.#pass(slot) : this.#attend(slot, this.#read(slot, rules, now));
  }

  expire(slot: number, now: number): Passage {
    const { table, wheel } = this.#parts;
    const rules = this.#rules[table.frontend(slot)]!;
    if (rules === null) return this.#pass(slot);
    // We may be late ourselves: what has come in time counts.
    const passage = this.#read(slot, rules, now);
    if (passage !== READ && passage !== HOLD) return passage;
    const deadline = table.lastActiveAt[slot]! + rules.timeoutMs;
    if (now < deadline) {
      if (passage === READ) wheel.schedule(slot, deadline);
      return this.#attend(slot, passage);
    }
    // Where the server may speak first, silence is no fault.
    const isSilent = this.#stage[slot] === NO_HEADER && this.#seen[slot] === 0;
    if (isSilent && rules.names === null) return this.#pass(slot);
    return this.#deny(slot, "deniedPrefaceTimeout", CLOSING.prefaceTimeout);
  }

  /** Looks at all that has come so far. */
  #read(slot: number, rules: Rules, now: number): Passage {
    const { kernel, table } = this.#parts;
    const client = table.fd[2 * slot]! as Fd;
    let received = kernel.peek(client, this.#bytes);
    // Errors are looked at twice, as everywhere.
    if (received < 0 && received !== -EAGAIN) received = kernel.peek(client, this.#bytes);
    if (received < 0 && received !== -EAGAIN) return CLOSING.clientReset;
    if (received === 0) return CLOSING.finished;
    received = Math.max(0, received);
    if (this.#stage[slot] === HEADER) {
      const header = readProxyHeader(this.#bytes, received, this.#ends);
      if (header === MORE) return this.#wait(slot, rules, received, now);
      if (header === INVALID) return this.#refuse(slot);
      received = this.#takeHeader(slot, header, received);
    }
    if (this.#stage[slot] === NO_HEADER) {
      const signature = findProxySignature(this.#bytes, received);
      if (signature === MORE) return this.#wait(slot, rules, received, now);
      if (signature !== INVALID) return this.#refuse(slot);
      this.#stage[slot] = CLIENT_HELLO;
    }
    const passage = rules.names === null ? PASS : this.#route(slot, rules, rules.names, received);
    if (passage === READ) return this.#wait(slot, rules, received, now);
    return passage === PASS ? this.#pass(slot) : passage;
  }

  /** Nothing more is waited for: the socket tells of every byte again. */
  #pass(slot: number): Passage {
    // Since it came, its frontend may have lost every backend, and lets nobody in any more.
    if (this.#parts.table.backend[slot]! < 0) {
      return this.#deny(slot, "deniedAddress", CLOSING.denied);
    }
    if (this.#isPatient[slot] === 1) this.#setPatience(slot, 1);
    return PASS;
  }

  /** The header is no part of what the server is sent. @returns how much is left. */
  #takeHeader(slot: number, header: number, received: number): number {
    const { clients, kernel, table } = this.#parts;
    if (this.#ends.family !== 0) clients.believe(slot, this.#ends);
    kernel.discard(table.fd[2 * slot]! as Fd, header);
    this.#bytes.copyWithin(0, header, received);
    this.#stage[slot] = CLIENT_HELLO;
    this.#seen[slot] = -1;
    return received - header;
  }

  #route(slot: number, rules: Rules, names: ServerNames, received: number): Passage {
    const hello = this.#hello;
    const result = hello.read(this.#bytes, 0, received);
    if (result === HELLO_MORE) return READ;
    if (result === HELLO_INVALID) return this.#refuse(slot);
    const found = result === HELLO_NAMED ? names.find(hello.name, hello.nameBytes) : NO_ROUTE;
    const backend = found === NO_ROUTE ? rules.defaultBackend : found;
    if (backend >= 0) return this.#lead(slot, rules, backend);
    return result === HELLO_NOT_TLS ? this.#refuse(slot) : this.#refuseName(slot, received);
  }

  #lead(slot: number, { keepalives }: Rules, backend: number): Passage {
    const { kernel, table } = this.#parts;
    table.backend[slot] = backend;
    const keepalive = keepalives.get(backend);
    if (keepalive === undefined) return PASS;
    const client = table.fd[2 * slot]! as Fd;
    keepAlive(kernel, client, keepalive);
    kernel.setOption(client, IPPROTO_TCP, TCP_USER_TIMEOUT, keepalive.userTimeoutMs ?? 0);
    return PASS;
  }

  /** Waits for more than what has come. */
  #wait(slot: number, { timeoutMs }: Rules, received: number, now: number): Passage {
    const { kernel, table, wheel } = this.#parts;
    if (received > this.#seen[slot]!) {
      this.#seen[slot] = received;
      // Or what has come would be told again and again.
      if (received > 0 || this.#isPatient[slot] === 1) this.#setPatience(slot, received + 1);
      return READ;
    }
    const info = kernel.getOption(table.fd[2 * slot]! as Fd, IPPROTO_TCP, TCP_INFO);
    if (info >= 0 && (info & 0xff) === TCP_CLOSE_WAIT) return this.#refuse(slot);
    const deadline = table.lastActiveAt[slot]! + timeoutMs;
    wheel.schedule(slot, Math.min(deadline, now + PAUSE_MS));
    return HOLD;
  }

  #setPatience(slot: number, bytes: number): void {
    const { kernel, table } = this.#parts;
    kernel.setOption(table.fd[2 * slot]! as Fd, SOL_SOCKET, SO_RCVLOWAT, bytes);
    this.#isPatient[slot] = bytes > 1 ? 1 : 0;
  }

  /** Nobody is asked to tell of a client's bytes twice. */
  #attend(slot: number, passage: Passage): Passage {
    if (passage !== READ) return passage;
    if (this.#isAttended[slot] === 1) return HOLD;
    this.#isAttended[slot] = 1;
    return READ;
  }

  /** The client has not said what it had to. */
  #refuse(slot: number): Passage {
    const isHello = this.#stage[slot] === CLIENT_HELLO;
    const column = isHello ? "deniedClientHello" : "deniedProxyHeader";
    return this.#deny(slot, column, CLOSING.badPreface);
  }

  #refuseName(slot: number, received: number): Passage {
    const { kernel, table } = this.#parts;
    const client = table.fd[2 * slot]! as Fd;
    // A socket that is closed with bytes unread resets, and the alert might not be seen.
    kernel.discard(client, received);
    sendSmall(kernel, client, UNRECOGNIZED_NAME_ALERT, UNRECOGNIZED_NAME_ALERT.length, false);
    return this.#deny(slot, "deniedServerName", CLOSING.noRoute);
  }

  #deny(slot: number, column: FrontendColumn, closing: Closing): Passage {
    const { table, tally } = this.#parts;
    tally.frontend(table.frontend(slot), column);
    return closing;
  }
}

/** What a frontend has read from its clients. */
interface Rules {
  /** Who has to send a PROXY header; `null` where nobody knows of such. */
  readonly trusted: PrefixSet | null;
  /** Where server names lead; `null` where nobody asks. */
  readonly names: ServerNames | null;
  /** −1 for none. */
  readonly defaultBackend: number;
  readonly timeoutMs: number;
  /** Of backends for which clients' sockets are kept alive in another way than accepted. */
  readonly keepalives: ReadonlyMap<number, KeepalivePlan>;
}

/** All that rules depend on, as plain data. */
interface RuleSource
  extends Pick<Frontend, "backend" | "clientHelloTimeoutMs" | "proxyProtocolFrom" | "routes"> {
  /** By index of the backend; the first one is of the listener. */
  readonly keepalives: readonly (readonly [number, KeepalivePlan])[];
}

function ruleSource(
  { backend, clientHelloTimeoutMs, proxyProtocolFrom, routes }: Frontend,
  backends: readonly Backend[],
): RuleSource {
  const keepalives = [backend, ...routes.map((route) => route.backend)].flatMap((index) => {
    const plan = backends[index];
    return plan ? [[index, plan.keepalive] as const] : [];
  });
  return { backend, clientHelloTimeoutMs, proxyProtocolFrom, routes, keepalives };
}

function rulesOf(source: RuleSource): Rules | null {
  const { backend, clientHelloTimeoutMs, proxyProtocolFrom, routes, keepalives } = source;
  if (proxyProtocolFrom === null && routes.length === 0) return null;
  const names = routes.flatMap(({ serverNames, backend }) =>
    serverNames.map((name) => ({ name, value: backend }))
  );
  return {
    trusted: proxyProtocolFrom && new PrefixSet(proxyProtocolFrom.flatMap(prefixOf)),
    names: routes.length === 0 ? null : new ServerNames(names),
    defaultBackend: backend,
    timeoutMs: clientHelloTimeoutMs,
    keepalives: keepalivesOf(keepalives),
  };
}

function prefixOf(text: string): Prefix[] {
  const prefix = parsePrefix(text);
  return prefix ? [prefix] : [];
}

/** A listener has those of the first backend. */
function keepalivesOf(plans: RuleSource["keepalives"]): Map<number, KeepalivePlan> {
  return new Map(plans.filter(([, plan]) => !isAlike(plan, plans[0]![1])));
}

/** No more than so much is ever waited for: a header and a ClientHello, and a record's header. */
const MAX_PREFACE_BYTES = MAX_HEADER_BYTES + MAX_WIRE_BYTES + 5;

/** A socket that is readable and has nothing new is left alone for so long. */
const PAUSE_MS = 50;

/** Stages of a slot. */
const HEADER = 0;
const NO_HEADER = 1;
const CLIENT_HELLO = 2;
