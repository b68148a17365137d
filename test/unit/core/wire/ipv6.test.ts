import { expect, it } from "vitest";
import { parseAddress } from "../../../../src/core/net/address.ts";
import { IPV6_HEADER_BYTES, writeIpv6Header } from "../../../../src/core/wire/ipv6.ts";

it("writeIpv6Header() writes the header of an advertisement", () => {
  const packet = new Uint8Array(IPV6_HEADER_BYTES + 2).fill(0xa5);
  writeIpv6Header(packet, {
    trafficClass: 0xc0,
    hopLimit: 255,
    nextHeader: 112,
    source: bytesOf("fe80::1"),
    destination: bytesOf("ff02::12"),
  }, 24);
  expect(Array.from(packet, (byte) => byte.toString(16).padStart(2, "0")).join("")).toBe(
    "6c000000" + "0018" + "70" + "ff" +
      "fe800000000000000000000000000001" +
      "ff020000000000000000000000000012" + "a5a5",
  );
});

function bytesOf(text: string): Uint8Array {
  return parseAddress(text)!.bytes;
}
