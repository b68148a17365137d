import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  GRATUITOUS_ARP_BYTES,
  parseArpClaim,
  writeGratuitousArp,
} from "../../../../src/core/wire/arp.ts";

it("writeGratuitousArp() writes the frame that keepalived 2.2.7 sends", () => {
  const frame = new Uint8Array(GRATUITOUS_ARP_BYTES).fill(0xa5);
  writeGratuitousArp(
    frame,
    Uint8Array.of(0x02, 0x42, 0x0a, 0x4d, 0x00, 0x01),
    Uint8Array.of(10, 77, 0, 100),
  );
  const hex = Array.from(frame, (byte) => byte.toString(16).padStart(2, "0")).join("");
  expect(hex).toBe(
    "ffffffffffff" + "02420a4d0001" + "0806" +
      "0001" + "0800" + "06" + "04" + "0001" +
      "02420a4d0001" + "0a4d0064" +
      "ffffffffffff" + "0a4d0064",
  );
});

it("parseArpClaim() reads who claims which address, and nothing else", () => {
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const address = Uint8Array.of(10, 77, 0, 100);
  const frame = new Uint8Array(60);
  writeGratuitousArp(frame, mac, address);
  expect(parseArpClaim(frame)).toEqual({ address, mac });
  frame[21] = 2;
  expect(parseArpClaim(frame)).toEqual({ address, mac });
  expect(parseArpClaim(frame.slice(0, 41))).toBeUndefined();
  for (let at = 12; at < 20; at++) {
    const other = frame.slice();
    other[at]! ^= 1;
    expect(parseArpClaim(other)).toBeUndefined();
  }
  const probe = frame.slice();
  probe.fill(0, 28, 32);
  expect(parseArpClaim(probe)).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    parseArpClaim(bytes);
  }));
});
