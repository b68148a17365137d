import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ClientHelloReader,
  type ClientHelloResult,
  HELLO_INVALID,
  HELLO_MORE,
  HELLO_NAMED,
  HELLO_NAMELESS,
  HELLO_NOT_TLS,
  MAX_HELLO_BYTES,
  UNRECOGNIZED_NAME_ALERT,
} from "../../../../src/core/wire/client_hello.ts";
import { Random } from "../../../simulation/random.ts";
import { clientHello, inRecords, message, OPENSSL_HELLO } from "./client_hellos.ts";

const MUTATIONS = Deno.env.get("LINTEL_SOAK") === "1" ? 100_000 : 10_000;

/** Of the parts of a ClientHello without padding: what is not padding. */
const REST = message({ serverName: "a.example", padding: 0 }).length;

describe("ClientHelloReader", () => {
  it("reads the name that OpenSSL asks for, in lower case", () => {
    expect(read(OPENSSL_HELLO)).toEqual([HELLO_NAMED, "git.example.com"]);
  });

  it.each([
    ["in one record", {}],
    ["after a key share of post-quantum size", { padding: 1216 }],
    ["in records of 100 bytes", { padding: 1216, fragment: 100 }],
    ["in records of one byte", { fragment: 1 }],
    ["in a ClientHello as long as is read", { padding: MAX_HELLO_BYTES - REST }],
    ["in that, in two records", { padding: MAX_HELLO_BYTES - REST, fragment: 8192 }],
  ])("reads a name %s", (_, parts) => {
    const bytes = clientHello({ serverName: "a.example", ...parts });
    expect(read(bytes)).toEqual([HELLO_NAMED, "a.example"]);
  });

  it("says when there is no name", () => {
    expect(read(clientHello({ padding: 10 }))).toEqual([HELLO_NAMELESS]);
    // Before TLS 1.3 a ClientHello may end with its compression methods.
    const bare = message({});
    const [, , , , ...body] = bare.slice(0, -2);
    expect(read(inRecords([1, 0, 0, body.length, ...body]))).toEqual([HELLO_NAMELESS]);
  });

  it.each([
    OPENSSL_HELLO,
    clientHello({ serverName: "a.example", padding: 1216 }),
    clientHello({ serverName: "a.example", padding: 30, fragment: 7 }),
  ])("waits for the rest, wherever it is cut", (bytes) => {
    const reader = new ClientHelloReader();
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(reader.read(bytes, 0, cut), `after ${cut}`).toBe(HELLO_MORE);
    }
    expect(reader.read(bytes, 0, bytes.length)).toBe(HELLO_NAMED);
  });

  it("reads a message whose second record has more than the message", () => {
    const handshake = message({ serverName: "a.example" });
    const first = inRecords(handshake.slice(0, 1));
    const second = inRecords([...handshake.slice(1), 11, 0, 0, 0]);
    expect(read(Uint8Array.of(...first, ...second))).toEqual([HELLO_NAMED, "a.example"]);
  });

  it("begins where it is told to, and passes over what follows", () => {
    const bytes = Uint8Array.from([9, 9, 9, ...OPENSSL_HELLO, 23, 3, 3, 0, 1, 0]);
    expect(new ClientHelloReader().read(bytes, 3, bytes.length)).toBe(HELLO_NAMED);
  });

  it.each([
    ["SSH", [...new TextEncoder().encode("SSH-2.0-OpenSSH_9.2p1\r\n")]],
    ["HTTP", [...new TextEncoder().encode("GET / HTTP/1.1\r\n")]],
    ["an alert", [21, 3, 3, 0, 2, 1, 0]],
    ["SSL 2", [0x80, 0x2e, 1, 3, 1]],
    ["something that only begins like a record", [22, 4]],
  ])("does not take %s for TLS", (_, bytes) => {
    expect(read(Uint8Array.from(bytes))).toEqual([HELLO_NOT_TLS]);
  });

  it.each([
    ["an empty record", [22, 3, 1, 0, 0]],
    ["a record too long", [22, 3, 1, 0x40, 1]],
    ["another handshake message", [22, 3, 1, 0, 4, 2]],
    ["a message too long", [22, 3, 1, 0, 200, 1, 0, 0x40, 0]],
    ["another record within the message", [22, 3, 1, 0, 1, 1, 23]],
    ["records too small for their message", [
      ...inRecords(new Array(MAX_HELLO_BYTES).fill(1).with(1, 0).with(2, 0x3f), 1),
    ]],
    ["a message cut short", [22, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 0, 0]],
    ["a name with a blank", [...clientHello({ serverName: "a b" })]],
    ["a name with a zero", [...clientHello({ serverName: "a\0b" })]],
    ["an empty name", [...clientHello({ serverName: "" })]],
    ["a name too long", [...clientHello({ serverName: "a".repeat(256) })]],
  ])("refuses %s", (_, bytes) => {
    expect(read(Uint8Array.from(bytes))).toEqual([HELLO_INVALID]);
  });

  it("refuses lengths that reach beyond what they are in", () => {
    // The length of the list of names, of the name, of the extension, of all extensions.
    const bytes = clientHello({ serverName: "a.example" });
    const from = bytes.length - "a.example".length;
    for (const at of [from - 1, from - 4, from - 6, from - 10]) {
      expect(read(bytes.with(at, bytes[at]! + 1)), `at ${at}`).toEqual([HELLO_INVALID]);
    }
  });

  it("reads any name, padding and fragmentation", () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
    fc.assert(fc.property(
      fc.array(label, { minLength: 1, maxLength: 5 }),
      fc.nat(3000),
      fc.integer({ min: 1, max: 2000 }),
      (labels, padding, fragment) => {
        // Fragments of a few bytes leave room for less.
        fc.pre(fragment > 10 || padding < 1000);
        const serverName = labels.join(".");
        const bytes = clientHello({ serverName, padding, fragment });
        expect(read(bytes)).toEqual([HELLO_NAMED, serverName]);
      },
    ));
  });

  it(`keeps to its word over ${MUTATIONS} broken ClientHellos`, () => {
    const dice = new Random(6066);
    const met = new Map<ClientHelloResult, number>();
    const valid = [OPENSSL_HELLO, clientHello({ serverName: "a.example", fragment: 9 })];
    for (let count = 0; count < MUTATIONS; count++) {
      const bytes = mutated(valid[count % 2]!, dice);
      const reader = new ClientHelloReader();
      const verdict = reader.read(bytes, 0, bytes.length);
      met.set(verdict, (met.get(verdict) ?? 0) + 1);
      // No earlier moment may have been of another opinion.
      const before = reader.read(bytes, 0, dice.integer(0, bytes.length));
      if (![HELLO_MORE, verdict].includes(before)) {
        expect.fail(`hello ${count} is ${verdict}, and was ${before}: ${bytes}`);
      }
    }
    expect([...met.keys()].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it("reads random bytes without complaint", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
      const bytes = Uint8Array.from([22, 3, 1, ...tail]);
      read(bytes);
      read(tail);
    }));
  });
});

it("UNRECOGNIZED_NAME_ALERT is fatal", () => {
  expect([...UNRECOGNIZED_NAME_ALERT]).toEqual([21, 3, 3, 0, 2, 2, 112]);
});

/** What the reader says of all these bytes, and the name it found. */
function read(bytes: Uint8Array): readonly (number | string)[] {
  const reader = new ClientHelloReader();
  const result = reader.read(bytes, 0, bytes.length);
  if (result !== HELLO_NAMED) return [result];
  return [result, new TextDecoder().decode(reader.name.subarray(0, reader.nameBytes))];
}

/** Changes one byte to four, or cuts, or repeats. */
function mutated(bytes: Uint8Array, dice: Random): Uint8Array {
  const octets = [...bytes];
  for (let changes = dice.integer(1, 4); changes > 0; changes--) {
    const at = dice.integer(0, octets.length - 1);
    const kind = dice.integer(0, 6);
    if (kind === 0) octets.splice(at, dice.integer(1, 8));
    else if (kind === 1) octets.splice(at, 0, ...octets.slice(at, at + 4));
    else if (kind === 2) octets.length = Math.max(1, dice.chance(0.2) ? at : octets.length);
    else if (kind === 3) octets[at] = dice.integer(0, 255);
    else if (kind === 4) octets[dice.integer(0, Math.min(9, octets.length - 1))]! ^= 1;
    else octets[at]! ^= 1 << dice.integer(0, 7);
  }
  return Uint8Array.from(octets);
}
