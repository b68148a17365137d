/**
 * The thread of {@linkcode Probe}: the client, both echoes and the notifications of both kernels in
 * one loop, real-time where that is allowed, so that whatever holds it up is seen in all of them.
 */

import { formatAddress } from "../../src/core/net/address.ts";
import { GROUP_IPV4, PROTOCOL_VRRP } from "../../src/core/wire/vrrp.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { EAGAIN, must } from "../../src/linux/errno.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { inNetworkNamespace } from "../../src/linux/namespace.ts";
import { RouteEvents } from "../../src/linux/netlink.ts";
import { joinGroup } from "../../src/linux/raw_ip.ts";
import { PollSet } from "../../src/linux/poll.ts";
import { inetAddressOf, SOCKADDR_IN_BYTES } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  bind,
  close,
  recv,
  recvfrom,
  sendto,
  SOCK_DGRAM,
  SOCK_RAW,
  socket,
} from "../../src/linux/socket.ts";
import { scheduleRealTime } from "../../src/linux/thread.ts";
import { EVERY_MS, ProbeMemory, type ProbeOrder } from "./failover_probe.ts";

self.onmessage = ({ data }: MessageEvent<ProbeOrder>) => {
  run(data);
  self.postMessage("ended");
};

function run(order: ProbeOrder): void {
  const memory = new ProbeMemory(order.memory);
  scheduleRealTime(1);
  const client = inNetworkNamespace(order.client, datagramSocket);
  const nodes = order.nodes.map((namespace, node) => new Node(namespace, node, order.vip, memory));
  const advertisements = inNetworkNamespace(order.client, () => groupSocket(order.index));
  const poll = new PollSet([
    client,
    advertisements,
    ...nodes.flatMap(({ descriptors }) => descriptors),
  ]);
  const target = inetAddressOf(order.vip, PORT);
  const datagram = new Uint8Array(8);
  const inbox = new Uint8Array(64);
  let nextAt = monotonicMs();
  while (!memory.ending) {
    const now = monotonicMs();
    if (now >= nextAt) {
      // It may be refused while the address is nowhere to be found: then nobody answers.
      sendto(client, datagram, datagram.length, target);
      nextAt = Math.max(nextAt + EVERY_MS, now);
    }
    poll.wait(nextAt - monotonicMs());
    for (const node of nodes) node.look();
    while (recv(client, inbox) > 0) memory.addAnswer(monotonicMs(), inbox[0]!);
    while (recv(advertisements, inbox) > 0) memory.heardAt = monotonicMs();
  }
  for (const node of nodes) node.close();
  close(advertisements);
  close(client);
}

/** One node's echo, and its kernel's notifications. */
class Node {
  readonly descriptors: readonly Fd[];
  readonly #node: number;
  readonly #vip: string;
  readonly #memory: ProbeMemory;
  readonly #echo: Fd;
  readonly #events: RouteEvents;
  readonly #inbox = new Uint8Array(64);
  readonly #from = new Uint8Array(SOCKADDR_IN_BYTES);
  readonly #fromLength = new Uint32Array(1);
  #holds = false;

  constructor(namespace: Fd, node: number, vip: string, memory: ProbeMemory) {
    this.#node = node;
    this.#vip = vip;
    this.#memory = memory;
    this.#echo = inNetworkNamespace(namespace, datagramSocket);
    must("bind", bind(this.#echo, inetAddressOf("0.0.0.0", PORT)));
    this.#events = inNetworkNamespace(namespace, () => new RouteEvents());
    this.descriptors = [this.#echo, this.#events.fd];
  }

  look(): void {
    this.#answer();
    for (;;) {
      const at = monotonicMs();
      const length = this.#events.read((event) => {
        if (!("address" in event) || formatAddress(event.address.address) !== this.#vip) return;
        this.#note(at, event.kind === "address");
      });
      if (length === -EAGAIN) return;
      must("reading the kernel's notifications", length);
    }
  }

  close(): void {
    close(this.#echo);
    this.#events[Symbol.dispose]();
  }

  #answer(): void {
    for (;;) {
      this.#fromLength[0] = SOCKADDR_IN_BYTES;
      const length = recvfrom(this.#echo, this.#inbox, this.#from, this.#fromLength);
      if (length < 0) return;
      this.#inbox[0] = this.#node;
      if (this.#memory.isMuted(this.#node)) continue;
      sendto(this.#echo, this.#inbox, length, this.#from);
    }
  }

  /** A renewal says again what is known. */
  #note(at: number, holds: boolean): void {
    if (holds === this.#holds) return;
    this.#holds = holds;
    this.#memory.addChange(at, this.#node, holds);
  }
}

function datagramSocket(): Fd {
  return must("socket", socket(AF_INET, SOCK_DGRAM, 0)) as Fd;
}

/** Hears what VRRP routers say on a link. */
function groupSocket(index: number): Fd {
  const fd = must("socket", socket(AF_INET, SOCK_RAW, PROTOCOL_VRRP)) as Fd;
  must("joining VRRP's group", joinGroup(fd, GROUP_IPV4, index));
  return fd;
}

const PORT = 7777;
