import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../../src/core/net/address.ts";
import {
  contains,
  formatEndpoint,
  formatPrefix,
  parseEndpoint,
  parsePrefix,
} from "../../../../src/core/net/prefix.ts";

describe("parsePrefix", () => {
  it.each([
    ["10.0.0.1/24", "10.0.0.1/24"],
    ["10.0.0.1", "10.0.0.1/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:db8::1/64", "2001:db8::1/64"],
    ["::", "::/128"],
  ])("reads %s as %s, host bits and all", (text, written) => {
    const prefix = parsePrefix(text);
    expect(prefix && formatPrefix(prefix)).toBe(written);
  });

  it.each([
    "",
    "/24",
    "10.0.0.1/",
    "10.0.0.1/33",
    "10.0.0.1/-1",
    "10.0.0.1/024",
    "10.0.0.1/24/24",
    "10.0.0.1/255.255.255.0",
    "::1/129",
    "10.0.0/24",
  ])("refuses %j", (text) => expect(parsePrefix(text)).toBeUndefined());
});

describe("contains", () => {
  it.each([
    ["10.0.0.1/24", "10.0.0.254", true],
    ["10.0.0.1/24", "10.0.1.1", false],
    ["10.0.0.0/23", "10.0.1.255", true],
    ["10.0.0.0/23", "10.0.2.0", false],
    ["0.0.0.0/0", "255.255.255.255", true],
    ["10.0.0.1/32", "10.0.0.1", true],
    ["10.0.0.1/32", "10.0.0.0", false],
    ["2001:db8::/33", "2001:db8:7fff::1", true],
    ["2001:db8::/33", "2001:db8:8000::1", false],
    ["0.0.0.0/0", "::1", false],
    ["::/0", "10.0.0.1", false],
  ])("%s, %s: %s", (prefix, address, is) => {
    expect(contains(parsePrefix(prefix)!, parseAddress(address)!.bytes)).toBe(is);
  });

  it("is equality of the first bits", () => {
    const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const bits = (value: Uint8Array) =>
      [...value].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    fc.assert(fc.property(bytes, bytes, fc.nat(32), (network, address, length) => {
      const prefix = { family: 4, bytes: Uint8Array.from(network), length } as const;
      const same = bits(network).slice(0, length) === bits(address).slice(0, length);
      expect(contains(prefix, address)).toBe(same);
    }));
  });
});

describe("parseEndpoint", () => {
  it.each([
    ["10.0.0.1", { address: "10.0.0.1", family: 4, port: undefined }],
    ["10.0.0.1:443", { address: "10.0.0.1", family: 4, port: 443 }],
    ["[2001:DB8::1]:443", { address: "2001:db8::1", family: 6, port: 443 }],
    ["[::1]", { address: "::1", family: 6, port: undefined }],
    ["::1:443", { address: "::1:443", family: 6, port: undefined }],
  ])("reads %s", (text, endpoint) => expect(parseEndpoint(text)).toEqual(endpoint));

  it.each([
    "",
    ":443",
    "10.0.0.1:",
    "10.0.0.1:0",
    "10.0.0.1:65536",
    "10.0.0.1:http",
    "10.0.0.1:-1",
    "[10.0.0.1]:443",
    "[::1]443",
    "[::1",
    "[::1]:",
    "[]:443",
    "*:443",
    "example.com:443",
  ])("refuses %j", (text) => expect(parseEndpoint(text)).toBeUndefined());
});

describe("formatEndpoint", () => {
  it.each([["10.0.0.1", "10.0.0.1:443"], ["2001:db8::1", "[2001:db8::1]:443"]])(
    "writes %s as %s, which parseEndpoint reads",
    (address, text) => {
      expect(formatEndpoint(address, 443)).toBe(text);
      expect(parseEndpoint(text)).toMatchObject({ address, port: 443 });
    },
  );
});
