/**
 * DNS queries with one question, and of their answers as much as tells whether a name server works
 * (RFC 1035, section 4). It reads no records; bytes that are no answer to the query come out as a
 * reason, and never as an exception.
 */

/** What may be asked for (RFC 1035, section 3.2.2; RFC 3596; RFC 2782; RFC 8659). */
export const RECORD_TYPES = [
  "A",
  "AAAA",
  "CAA",
  "CNAME",
  "MX",
  "NS",
  "PTR",
  "SOA",
  "SRV",
  "TXT",
] as const;

/** One of them. */
export type RecordType = (typeof RECORD_TYPES)[number];

/** Response codes in the order of their numbers (RFC 1035, section 4.1.1). */
export const RCODES = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
] as const;

/** One of them. */
export type Rcode = (typeof RCODES)[number];

/** A query that wants recursion. `name` has labels of 63 octets at most; a last dot is allowed. */
export function dnsQuery(id: number, name: string, type: RecordType): Uint8Array<ArrayBuffer> {
  const labels = name.split(".").filter((label) => label !== "")
    .map((label) => new TextEncoder().encode(label));
  const nameBytes = labels.reduce((sum, label) => sum + 1 + label.length, 1);
  const query = new Uint8Array(HEADER_BYTES + nameBytes + 4);
  const view = new DataView(query.buffer);
  view.setUint16(0, id);
  view.setUint16(2, RECURSION_DESIRED);
  view.setUint16(4, 1);
  let at = HEADER_BYTES;
  for (const label of labels) {
    query[at] = label.length;
    query.set(label, at + 1);
    at += 1 + label.length;
  }
  view.setUint16(at + 1, TYPES[type]);
  view.setUint16(at + 3, CLASS_IN);
  return query;
}

/** What a message says to a query. */
export type DnsAnswer =
  /** The number stands where the code has no name here. */
  | { readonly rcode: Rcode | number }
  /** It is not an answer to this query: another may still come. */
  | { readonly foreign: string };

/** Reads `message` as the answer to `query`, which {@linkcode dnsQuery} has made. */
export function readDnsAnswer(message: Uint8Array, query: Uint8Array): DnsAnswer {
  if (message.length < HEADER_BYTES) return { foreign: "shorter than a header" };
  if (message[0] !== query[0] || message[1] !== query[1]) return { foreign: "another ID" };
  const flags = message[2]!;
  if ((flags & RESPONSE) === 0) return { foreign: "a query and no answer" };
  if ((flags & OPCODE) !== 0) return { foreign: "another opcode" };
  const number = message[3]! & 0x0f;
  const questions = message[4]! << 8 | message[5]!;
  // A server that could not read the question may leave it out of its refusal.
  const bare = questions === 0 && number !== 0;
  if (!bare && (questions !== 1 || !sameQuestion(message, query))) {
    return { foreign: "another question" };
  }
  return { rcode: RCODES[number] ?? number };
}

/** Names are compared without regard to case (RFC 1035, section 2.3.3). */
function sameQuestion(message: Uint8Array, query: Uint8Array): boolean {
  for (let at = HEADER_BYTES; at < query.length; at++) {
    if (message[at] === undefined || lower(message[at]!) !== lower(query[at]!)) return false;
  }
  return true;
}

function lower(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

const HEADER_BYTES = 12;
const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x80;
const OPCODE = 0x78;
const CLASS_IN = 1;

const TYPES: Readonly<Record<RecordType, number>> = {
  A: 1,
  AAAA: 28,
  CAA: 257,
  CNAME: 5,
  MX: 15,
  NS: 2,
  PTR: 12,
  SOA: 6,
  SRV: 33,
  TXT: 16,
};
