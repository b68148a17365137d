import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAddress } from "../../../src/core/net/address.ts";
import { inetAddress, inetAddressOf, readInetAddress } from "../../../src/linux/sockaddr.ts";

describe("inetAddress", () => {
  it("lays out sockaddr_in", () => {
    expect(inetAddressOf("192.0.2.1", 443)).toEqual(
      Uint8Array.of(2, 0, 1, 187, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    );
  });

  it("lays out sockaddr_in6, with the interface of a link-local address", () => {
    const address = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    expect(inetAddress(address, 80, 258)).toEqual(
      Uint8Array.of(10, 0, 0, 80, 0, 0, 0, 0, ...address, 2, 1, 0, 0),
    );
  });
});

describe("readInetAddress", () => {
  const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const ipv6 = fc.array(fc.constantFrom(0, 0, 0xff, 1), { minLength: 16, maxLength: 16 });
  const port = fc.nat(65535);

  it("reads what inetAddress lays out", () => {
    fc.assert(fc.property(fc.oneof(ipv4, ipv6), port, (given, port) => {
      const address = formatAddress(Uint8Array.from(given));
      fc.pre(!address.startsWith("::ffff:") || !address.includes("."));
      expect(readInetAddress(inetAddressOf(address, port))).toEqual({
        family: given.length === 4 ? 4 : 6,
        address,
        port,
      });
    }));
  });

  it.each([
    ["::ffff:192.0.2.1", { family: 4, address: "192.0.2.1", port: 80 }],
    ["::ffff:1:2:3", { family: 6, address: "::ffff:1:2:3", port: 80 }],
    ["::ffff:1", { family: 6, address: "::ffff:1", port: 80 }],
  ])("takes %s for what it is", (text, address) => {
    expect(readInetAddress(inetAddressOf(text, 80))).toEqual(address);
  });

  it("reads a view that does not begin where its memory does", () => {
    const bytes = new Uint8Array(40);
    bytes.set(inetAddressOf("10.0.0.1", 8080), 12);
    expect(readInetAddress(bytes.subarray(12))).toEqual({
      family: 4,
      address: "10.0.0.1",
      port: 8080,
    });
  });
});
