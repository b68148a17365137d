import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../../src/core/net/address.ts";
import {
  NEIGHBOUR_ADVERTISEMENT_BYTES,
  parseNeighbourAdvertisement,
  writeNeighbourAdvertisement,
} from "../../../../src/core/wire/ndisc.ts";

const MAC = Uint8Array.of(0x02, 0x42, 0x0a, 0x4d, 0x00, 0x01);
const VIP = parseAddress("fd00::10")!.bytes;

describe("writeNeighbourAdvertisement()", () => {
  it.each([[true, "a0", "cfed"], [false, "20", "4fee"]])(
    "writes an unsolicited one of a router: %s",
    (isRouter, flags, checksum) => {
      expect(hex(frame(isRouter))).toBe(
        "333300000001" + "02420a4d0001" + "86dd" +
          "60000000" + "0020" + "3a" + "ff" +
          "fd000000000000000000000000000010" + "ff020000000000000000000000000001" +
          "8800" + checksum + flags + "000000" + "fd000000000000000000000000000010" +
          "0201" + "02420a4d0001",
      );
    },
  );
});

describe("parseNeighbourAdvertisement()", () => {
  it("reads what writeNeighbourAdvertisement() has written", () => {
    expect(parse(frame(true))).toEqual({ address: VIP, mac: MAC });
  });

  it("takes none from beyond the link, and no other message", () => {
    expect(parse(frame(true), 254)).toBeUndefined();
    for (const at of [54, 55]) expect(parse(changed(at))).toBeUndefined();
  });

  it("finds the sender's address among other options, or none", () => {
    const bare = frame(true).slice(0, 78);
    expect(parse(bare)).toEqual({ address: VIP, mac: null });
    const padded = Uint8Array.of(...bare, 14, 2, ...new Uint8Array(14), 2, 1, ...MAC);
    expect(parse(padded)).toEqual({ address: VIP, mac: MAC });
    expect(parse(Uint8Array.of(...bare, 14, 0))).toBeUndefined();
    expect(parse(Uint8Array.of(...bare, 2, 1, 2))).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (payload) => {
      payload[0] = 136;
      parse(Uint8Array.of(...new Uint8Array(54), ...payload));
    }));
  });
});

function parse(bytes: Uint8Array<ArrayBuffer>, ttl = 255) {
  const payload = bytes.subarray(54);
  return parseNeighbourAdvertisement({ source: VIP, destination: VIP, ttl, payload });
}

function changed(at: number): Uint8Array<ArrayBuffer> {
  const bytes = frame(true);
  bytes[at]! ^= 1;
  return bytes;
}

function frame(isRouter: boolean): Uint8Array<ArrayBuffer> {
  const target = new Uint8Array(NEIGHBOUR_ADVERTISEMENT_BYTES).fill(0xa5);
  writeNeighbourAdvertisement(target, MAC, VIP, isRouter);
  return target;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
