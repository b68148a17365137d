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
    expect(parseNeighbourAdvertisement(frame(true))).toEqual({ address: VIP, mac: MAC });
  });

  it("takes nothing that has been changed on the way, or comes from beyond the link", () => {
    const good = frame(true);
    for (let at = 14; at < good.length; at++) {
      const bad = good.slice();
      bad[at]! ^= 1;
      const ignored = at >= 14 && at < 18;
      expect(parseNeighbourAdvertisement(bad) === undefined, `octet ${at}`).toBe(!ignored);
    }
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (tail) => {
      parseNeighbourAdvertisement(tail);
      const cut = frame(true).slice(0, tail.length);
      cut.set(tail.subarray(0, Math.max(0, tail.length - 60)), Math.min(60, tail.length));
      parseNeighbourAdvertisement(cut);
    }));
  });
});

function frame(isRouter: boolean): Uint8Array<ArrayBuffer> {
  const target = new Uint8Array(NEIGHBOUR_ADVERTISEMENT_BYTES).fill(0xa5);
  writeNeighbourAdvertisement(target, MAC, VIP, isRouter);
  return target;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
