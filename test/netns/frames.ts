/**
 * Frames as they are on the wire, by tcpdump and with the kernel's time stamps; advertisements are
 * taken apart by rules of their own, so that a mistake in the product's codec is not repeated here.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { formatAddress } from "../../src/core/net/address.ts";
import { formatMac } from "../../src/core/net/mac.ts";

/** One frame. */
export interface Frame {
  /** Milliseconds on the wall clock, as `Date.now()`. */
  readonly at: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** An advertisement with everything around it. */
export interface Heard {
  readonly at: number;
  readonly macs: { readonly source: string; readonly destination: string };
  readonly source: string;
  readonly destination: string;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** TOS or traffic class. */
  readonly tos: number;
  /** IPv4 only: identification, and the word of flags and fragment offset. */
  readonly id: number;
  readonly fragment: number;
  /** Of the IP packet. */
  readonly length: number;
  readonly version: number;
  readonly type: number;
  readonly vrid: number;
  readonly priority: number;
  readonly addresses: readonly string[];
  /** The two octets of the interval as they are. */
  readonly interval: readonly [number, number];
  /** What follows the addresses. */
  readonly rest: readonly number[];
  /** What the checksum covers. */
  readonly checksum: "plain" | "pseudoHeader" | "wrong";
}

/** A running tcpdump. */
export class Frames {
  readonly frames: Frame[] = [];
  readonly #process: Process;
  #at = 0;
  #bytes: number[] = [];

  private constructor(host: Host, filter: string, direction: "in" | "out") {
    const options = ["-i", "eth0", "-n", "-tt", "-xx", "-l", "-Z", "root", "--immediate-mode"];
    this.#process = host.spawn(["tcpdump", ...options, "-Q", direction, filter], {
      onLine: (line) => this.#take(line),
    });
  }

  /** Starts it on what a host's eth0 receives, or sends, and waits until it listens. */
  static async start(
    host: Host,
    filter: string,
    direction: "in" | "out" = "in",
  ): Promise<Frames> {
    const frames = new Frames(host, filter, direction);
    await frames.#process.printed(/listening on/);
    return frames;
  }

  /** The advertisements so far. */
  advertisements(since = 0): Heard[] {
    this.#flush();
    return this.frames.filter(({ at }) => at > since).map(takeApart).filter((one) => !!one);
  }

  /** Gratuitous ARPs for an address so far. */
  announcements(address: string, since = 0): Frame[] {
    this.#flush();
    return this.frames.filter(({ at, bytes }) =>
      at > since && bytes[12] === 8 && bytes[13] === 6 &&
      formatAddress(bytes.subarray(28, 32)) === address &&
      formatAddress(bytes.subarray(38, 42)) === address
    );
  }

  /** Waits for an advertisement after an instant. */
  async heard(
    what: string,
    since: number,
    test: (heard: Heard) => boolean,
    deadlineMs = 10_000,
  ): Promise<Heard> {
    const find = () => this.advertisements(since).find(test);
    await eventually(what, find, { deadlineMs, everyMs: 5 });
    return find()!;
  }

  /** Ends it, once it has told everything. */
  async stop(): Promise<void> {
    await delay(TELLING_MS);
    await this.#process.stop("SIGINT");
    await this.#process.status;
    this.#flush();
  }

  #take(line: string): void {
    const hexadecimal = /^\s+0x[0-9a-f]+: {2}(.*)$/.exec(line)?.[1];
    if (hexadecimal !== undefined) {
      for (const [octet] of hexadecimal.matchAll(/[0-9a-f]{2}/g)) {
        this.#bytes.push(parseInt(octet, 16));
      }
      return;
    }
    this.#flush();
    this.#at = Number(/^\d+\.\d+/.exec(line)?.[0] ?? NaN) * 1_000;
  }

  /** A frame whose length is a multiple of sixteen is whole only when the next one begins. */
  #flush(): void {
    if (this.#bytes.length === 0) return;
    const frame = Uint8Array.from(this.#bytes);
    if (frame.length < wholeLength(frame)) return;
    this.frames.push({ at: this.#at, bytes: frame });
    this.#bytes = [];
  }
}

/** As its IP header says; ARP has but one length. */
function wholeLength(frame: Uint8Array): number {
  if (frame.length < ETHERNET_BYTES + 28) return Infinity;
  const word = (at: number) => frame[at]! << 8 | frame[at + 1]!;
  if (word(12) === ETHERTYPE_IPV4) return ETHERNET_BYTES + word(16);
  return word(12) === ETHERTYPE_IPV6 ? ETHERNET_BYTES + 40 + word(18) : 0;
}

function takeApart({ at, bytes }: Frame): Heard | undefined {
  const etherType = bytes[12]! << 8 | bytes[13]!;
  const isIpv4 = etherType === ETHERTYPE_IPV4;
  if (!isIpv4 && etherType !== ETHERTYPE_IPV6) return undefined;
  const ip = bytes.subarray(ETHERNET_BYTES, wholeLength(bytes));
  if (ip[isIpv4 ? 9 : 6] !== PROTOCOL) return undefined;
  const [source, destination] = isIpv4
    ? [ip.subarray(12, 16), ip.subarray(16, 20)]
    : [ip.subarray(8, 24), ip.subarray(24, 40)];
  const message = ip.subarray(isIpv4 ? 20 : 40);
  const word = (at: number) => ip[at]! << 8 | ip[at + 1]!;
  const size = isIpv4 ? 4 : 16;
  const end = 8 + size * message[3]!;
  const address = (index: number) =>
    formatAddress(message.slice(8 + size * index, 8 + size * (index + 1)));
  return {
    at,
    macs: { source: formatMac(bytes.slice(6, 12)), destination: formatMac(bytes.slice(0, 6)) },
    source: formatAddress(source.slice()),
    destination: formatAddress(destination.slice()),
    ttl: ip[isIpv4 ? 8 : 7]!,
    tos: isIpv4 ? ip[1]! : word(0) >> 4 & 0xff,
    id: isIpv4 ? word(4) : 0,
    fragment: isIpv4 ? word(6) : 0,
    length: ip.length,
    version: message[0]! >> 4,
    type: message[0]! & 0x0f,
    vrid: message[1]!,
    priority: message[2]!,
    addresses: Array.from({ length: message[3]! }, (_, index) => address(index)),
    interval: [message[4]!, message[5]!],
    rest: [...message.subarray(end)],
    checksum: checksumOf([...message], [...source, ...destination]),
  };
}

/** RFC 1071: the sum over everything, with the checksum in it, is all ones. */
function checksumOf(message: number[], addresses: number[]): Heard["checksum"] {
  const pseudoHeader = [
    ...addresses,
    0,
    0,
    message.length >> 8,
    message.length & 0xff,
    0,
    PROTOCOL,
  ];
  if (sumOf(message) === 0xffff) return "plain";
  return sumOf([...pseudoHeader, ...message]) === 0xffff ? "pseudoHeader" : "wrong";
}

function sumOf(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! << 8 | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL = 112;
const TELLING_MS = 100;
