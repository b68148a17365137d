import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attributesOf,
  messagesOf,
  MessageWriter,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  resultOf,
  setSequence,
  textOf,
  u32Of,
} from "../../../../src/core/wire/netlink.ts";

/** RTM_NEWLINK for index 99, refused with ENODEV, as Linux 6.18 acknowledged it. */
const REFUSAL = bytes(
  "34000000 02000000 07000000 39300000" + // 52 bytes, NLMSG_ERROR, request 7 of port 12345
    "edffffff" + // -19
    "20000000 10000500 07000000 00000000" + // the request's own header
    "00000000 63000000 01000000 01000000",
);

describe("MessageWriter", () => {
  it("writes header, attributes and their padding as the kernel lays them out", () => {
    const message = new MessageWriter(16, NLM_F_REQUEST | NLM_F_ACK)
      .u32(0x01020304)
      .attribute(1, Uint8Array.of(0xaa))
      .attributeText(3, "eth0")
      .attribute(18, new Uint8Array(0))
      .finish();
    expect(message.length).toBe(16 + 4 + 8 + 12 + 4);
    expect(hex(message)).toBe(hex(bytes(
      "2c000000 10000500 00000000 00000000" +
        "04030201" +
        "05000100 aa000000" +
        "09000300 65746830 00000000" +
        "04001200",
    )));
  });

  it("counts what is written inside a nest, but not the padding after it", () => {
    const writer = new MessageWriter(16, 0);
    writer.nest(18, () => writer.attributeText(1, "veth").nest(2, () => writer.attributeU32(7, 1)));
    expect(hex(writer.finish())).toBe(hex(bytes(
      "2c000000 10000000 00000000 00000000" +
        "1c001200" +
        "09000100 76657468 00000000" +
        "0c000200 08000700 01000000",
    )));
  });

  it("grows as far as a message needs", () => {
    const large = new Uint8Array(5000).fill(0xa5);
    const [message] = messagesOf(new MessageWriter(20, 0).u32(1).attribute(9, large).finish());
    expect(attributesOf(message!.body.subarray(4)).get(9)).toEqual(large);
  });
});

describe("messagesOf", () => {
  it("reads every message of a datagram", () => {
    const first = new MessageWriter(16, 2).u32(1).raw(Uint8Array.of(9)).finish();
    setSequence(first, 0x89abcdef);
    const second = new MessageWriter(20, 0).finish();
    const datagram = new Uint8Array(24 + second.length);
    datagram.set(first);
    datagram.set(second, 24);
    expect([...messagesOf(datagram)]).toEqual([
      { type: 16, flags: 2, sequence: 0x89abcdef, body: Uint8Array.of(1, 0, 0, 0, 9) },
      { type: 20, flags: 0, sequence: 0, body: new Uint8Array(0) },
    ]);
  });

  it.each([
    ["an empty datagram", ""],
    ["half a header", "10000000 0200"],
    ["a length of less than the header", "0f000000 02000000 00000000 00000000"],
    ["a length of zero", "00000000 02000000 00000000 00000000"],
    ["a length beyond the datagram", "14000000 02000000 00000000 00000000"],
  ])("ends at %s", (_, text) => {
    expect([...messagesOf(bytes(text))]).toEqual([]);
  });

  it("never throws and never reads beyond the bytes, whatever they are", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      const datagram = new Uint8Array(random);
      for (const message of messagesOf(datagram)) {
        resultOf(message);
        for (const value of attributesOf(message.body).values()) {
          expect(value.byteOffset + value.length).toBeLessThanOrEqual(datagram.length);
        }
      }
    }));
  });

  it("gives back the attributes MessageWriter wrote", () => {
    const attribute = fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array());
    const list = fc.uniqueArray(attribute, { selector: ([type]) => type });
    fc.assert(fc.property(list, (attributes) => {
      const writer = new MessageWriter(16, 0);
      for (const [type, value] of attributes) writer.attribute(type, value);
      const [message] = messagesOf(writer.finish());
      const read = [...attributesOf(message!.body)];
      expect(read.map(([type, value]) => [type, [...value]])).toEqual(
        attributes.map(([type, value]) => [type, [...value]]),
      );
    }));
  });
});

describe("resultOf", () => {
  it("is the kernel's refusal as -errno", () => {
    const [message] = messagesOf(REFUSAL);
    expect(message).toMatchObject({ type: NLMSG_ERROR, sequence: 7 });
    expect(resultOf(message!)).toBe(-19);
  });

  it("is 0 for an acknowledgement and for an end without a result", () => {
    const [done] = messagesOf(new MessageWriter(3, 0).finish());
    expect(resultOf(done!)).toBe(0);
    const [acknowledgement] = messagesOf(new MessageWriter(2, 0).u32(0).finish());
    expect(resultOf(acknowledgement!)).toBe(0);
  });
});

describe("attributesOf", () => {
  it("strips the nested and byte-order flags from a type", () => {
    const writer = new MessageWriter(16, 0).attributeU32(0x8000 | 0x4000 | 12, 3);
    const attributes = attributesOf(writer.finish().subarray(16));
    expect(u32Of(attributes.get(12))).toBe(3);
  });

  it.each([
    ["an attribute shorter than its own header", "03000100 aabbccdd"],
    ["an attribute beyond the end", "0c000100 aabbccdd"],
  ])("ends at %s", (_, text) => {
    expect(attributesOf(bytes(text)).size).toBe(0);
  });
});

describe("u32Of and textOf", () => {
  it("read what is there and tolerate what is not", () => {
    expect(u32Of(bytes("ffffffff"))).toBe(0xffffffff);
    expect(u32Of(bytes("ffffff"))).toBeUndefined();
    expect(u32Of(undefined)).toBeUndefined();
    expect(textOf(bytes("65746830 00ff"))).toBe("eth0");
    expect(textOf(bytes("6c6f"))).toBe("lo");
    expect(textOf(undefined)).toBe("");
  });
});

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

function hex(message: Uint8Array): string {
  return message.toHex();
}
