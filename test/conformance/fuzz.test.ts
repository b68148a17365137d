/**
 * Valid advertisements, changed at random: the codec agrees with a second reading of the standard
 * on which of them may reach the state machine, and never throws. Most changes are followed by a
 * right checksum, or nothing behind it would ever be looked at.
 */

import { expect, it } from "vitest";
import { checksumOf, onesComplementSum } from "../../src/core/net/checksum.ts";
import { type Packet, parseIpv4, writeIpv4Header } from "../../src/core/wire/ipv4.ts";
import {
  authenticationData,
  type Expectation,
  messageBytes,
  parseAdvertisement,
  REJECTION_REASONS,
  writeAdvertisement,
} from "../../src/core/wire/vrrp.ts";
import { Random } from "../simulation/random.ts";

const isSoak = Deno.env.get("LINTEL_SOAK") === "1";
const TIMEOUT_MS = 300_000;
const PACKETS = isSoak ? 100_000 : 10_000;

const GROUP = Uint8Array.of(224, 0, 0, 18);
const GROUP_IPV6 = Uint8Array.of(0xff, 2, ...new Uint8Array(13), 0x12);
const OURS = Uint8Array.of(10, 0, 0, 1);
const THEIRS = Uint8Array.of(10, 0, 0, 2);
const LOCAL = linkLocal(1);
const PASSWORD = authenticationData("s3cret");

const COMMON: Omit<Expectation, "version" | "source" | "destination" | "addresses"> = {
  ...{ vrid: 51, intervalMs: 1_000, owner: false, minTtl: 255, peers: null },
  ...{ password: null, checksum: null, otherAddresses: "ignore" },
};
const IPV4 = { source: OURS, destination: GROUP, addresses: [ipv4(100), ipv4(101)] };

/** What is expected of the advertisements that are changed. */
const EXPECTATIONS: readonly Expectation[] = [
  { ...COMMON, ...IPV4, version: 3 },
  { ...COMMON, ...IPV4, version: 2 },
  { ...COMMON, ...IPV4, version: 2, password: PASSWORD },
  { ...COMMON, ...IPV4, version: 3, destination: OURS, minTtl: 0, peers: [THEIRS] },
  {
    ...{ ...COMMON, version: 3, source: LOCAL, destination: GROUP_IPV6 },
    addresses: [linkLocal(100), Uint8Array.of(0xfd, ...new Uint8Array(14), 100)],
  },
];

it(`reads ${PACKETS} changed advertisements as the standard does`, () => {
  const dice = new Random(20_261_123);
  let accepted = 0;
  const reasons = new Map<string, number>();
  for (let count = 0; count < PACKETS; count++) {
    const expected = EXPECTATIONS[count % EXPECTATIONS.length]!;
    const packet = changed(expected, dice);
    const before = packet.payload.slice();
    const result = parseAdvertisement(packet, new Map([[expected.vrid, expected]]));
    expect(packet.payload).toEqual(before);
    const trace = () => `packet ${count}, version ${expected.version}: ${Deno.inspect(packet)}`;
    expect(!("rejected" in result), trace()).toBe(mayBeHeard(packet, expected));
    if ("rejected" in result) {
      expect(REJECTION_REASONS).toContain(result.rejected);
      reasons.set(result.rejected, (reasons.get(result.rejected) ?? 0) + 1);
    } else {
      accepted++;
      expect(result).toMatchObject({ vrid: 51, priority: packet.payload[2] });
      expect(result.intervalMs).toBeGreaterThan(0);
    }
  }
  // The changes reach everywhere: some leave it valid, and each common reason is met.
  expect(accepted).toBeGreaterThan(PACKETS / 100);
  const met = ["length", "ttl", "version", "type", "checksum", "vrid", "addressCount", "interval"];
  for (const reason of [...met, "authenticationMismatch", "authenticationFailure", "addressList"]) {
    expect(reasons.get(reason) ?? 0, reason).toBeGreaterThan(0);
  }
}, TIMEOUT_MS);

it(`takes any header of ${PACKETS} for what it says, or for none`, () => {
  const dice = new Random(9_568);
  for (let count = 0; count < PACKETS; count++) {
    const bytes = new Uint8Array(60);
    writeIpv4Header(bytes, {
      ...{ source: THEIRS, destination: GROUP, ttl: 255, tos: 0xc0, protocol: 112 },
      identification: 1,
    }, 12);
    const received = mutated(bytes.slice(0, dice.chance(0.5) ? 32 : 46), dice);
    const packet = parseIpv4(received);
    const headerBytes = 4 * ((received[0] ?? 0) & 0x0f);
    const totalBytes = (received[2] ?? 0) << 8 | (received[3] ?? 0);
    const isWhole = received.length >= 20 && received[0]! >> 4 === 4 && headerBytes >= 20 &&
      totalBytes >= headerBytes && totalBytes <= received.length;
    expect(packet !== undefined, `header ${count}: ${received}`).toBe(isWhole);
    expect(packet?.payload.length ?? 0).toBe(isWhole ? totalBytes - headerBytes : 0);
  }
}, TIMEOUT_MS);

/** A valid advertisement with one to four changes. */
function changed(expected: Expectation, dice: Random): Packet {
  const isIpv6 = expected.source.length === 16;
  const source = isIpv6 ? linkLocal(2) : THEIRS;
  const valid = new Uint8Array(
    messageBytes(expected.version, expected.addresses.length, source.length),
  );
  writeAdvertisement(valid, 0, {
    ...{ version: expected.version, vrid: expected.vrid, priority: 200 },
    ...{ intervalMs: expected.intervalMs, addresses: expected.addresses, source },
    destination: expected.destination,
    checksum: dice.chance(0.8) ? "pseudoHeader" : "plain",
    password: expected.password,
  });
  const payload = mutated(valid, dice);
  const destination = dice.chance(0.95) ? expected.destination.slice() : OURS.slice();
  const packet = {
    source: dice.chance(0.97) ? source.slice() : expected.source.slice(),
    destination: isIpv6 ? expected.destination.slice() : destination,
    ttl: dice.chance(0.95) ? 255 : dice.integer(0, 255),
    payload,
  };
  if (dice.chance(0.8) && payload.length >= 8) mend(packet);
  return packet;
}

/** Flips bits, replaces, removes, adds and repeats octets, and cuts. */
function mutated(bytes: Uint8Array<ArrayBuffer>, dice: Random): Uint8Array<ArrayBuffer> {
  let octets = [...bytes];
  for (let changes = dice.integer(1, 4); changes > 0; changes--) {
    const at = dice.integer(0, octets.length);
    const octet = dice.integer(0, 255);
    const kind = dice.integer(0, 7);
    if (kind <= 1) octets[at] = (octets[at] ?? 0) ^ 1 << (octet & 7);
    else if (kind <= 3) octets[at] = EDGES[octet % EDGES.length]!;
    else if (kind === 4) octets.splice(at, 1 + octet % 8);
    else if (kind === 5) octets.splice(at, 0, octet);
    else if (kind === 6) octets.splice(at, 0, ...octets.slice(at, at + 4));
    else octets = dice.chance(0.2) ? octets.slice(0, at) : octets;
  }
  return Uint8Array.from(octets);
}

/** Makes the checksum right again. */
function mend({ source, destination, payload }: Packet): void {
  payload.set([0, 0], 6);
  const isPlain = payload[0]! >> 4 === 2;
  const sum = checksumOf(onesComplementSum(
    isPlain ? payload : Uint8Array.of(...pseudoHeader(source, destination, payload), ...payload),
  ));
  payload.set([sum >> 8, sum & 0xff], 6);
}

/**
 * RFC 9568, section 7.1, and RFC 3768, section 7.1, once more, in words as plain as they come.
 */
function mayBeHeard(packet: Packet, expected: Expectation): boolean {
  const { source, destination, ttl, payload } = packet;
  const [versionType = 0, vrid, priority, count = 0, first = 0, second = 0] = payload;
  const size = expected.source.length;
  const isVersion2 = expected.version === 2;
  if (payload.length !== 8 + count * size + (isVersion2 ? 8 : 0)) return false;
  if (versionType !== (expected.version << 4 | 1)) return false;
  if (vrid !== expected.vrid || count === 0 || ttl < expected.minTtl) return false;
  if (same(source, expected.source) || !same(destination, expected.destination)) return false;
  if (expected.peers && !expected.peers.some((peer) => same(peer, source))) return false;
  if (!isSummed(packet, isVersion2)) return false;
  const listed = Array.from(
    { length: count },
    (_, index) => payload.subarray(8 + index * size, 8 + (index + 1) * size),
  );
  const common = expected.addresses.filter((own) => listed.some((one) => same(one, own))).length;
  if (isVersion2) {
    if (first !== (expected.password ? 1 : 0) || second !== expected.intervalMs / 1_000) {
      return false;
    }
    if (expected.password && !same(payload.subarray(-8), expected.password)) return false;
    const isSame = common === expected.addresses.length && count === expected.addresses.length;
    return isSame || priority === 255 && common > 0;
  }
  if (((first & 0x0f) << 8 | second) === 0) return false;
  if (size === 16 && !(isLocal(source) && isLocal(listed[0]!))) return false;
  return common > 0;
}

function isSummed({ source, destination, payload }: Packet, isVersion2: boolean): boolean {
  const isRight = (...covered: number[]) =>
    onesComplementSum(Uint8Array.from(covered)) % 0xffff === 0;
  const plain = isRight(...payload);
  if (isVersion2) return plain;
  if (isRight(...pseudoHeader(source, destination, payload), ...payload)) return true;
  if (source.length === 16) return false;
  return plain || isRight(...pseudoHeader(source, GROUP, payload), ...payload);
}

function pseudoHeader(source: Uint8Array, destination: Uint8Array, payload: Uint8Array): number[] {
  return [...source, ...destination, 0, 112, payload.length >> 8, payload.length & 0xff];
}

function isLocal(address: Uint8Array): boolean {
  return address[0] === 0xfe && address[1]! >> 6 === 2;
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, at) => octet === right[at]);
}

function ipv4(last: number): Uint8Array {
  return Uint8Array.of(10, 0, 0, last);
}

function linkLocal(last: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(0xfe, 0x80, ...new Uint8Array(13), last);
}

const EDGES = [0, 1, 2, 3, 0x21, 0x31, 0x41, 0x7f, 0x80, 0xfe, 0xff];
