import { describe, expect, it } from "vitest";
import { formatMac, parseMac, virtualRouterMac } from "../../../../src/core/net/mac.ts";

describe("parseMac", () => {
  it("reads what formatMac writes", () => {
    const mac = Uint8Array.of(0, 0x1b, 0x21, 0xff, 0x0a, 9);
    expect(formatMac(mac)).toBe("00:1b:21:ff:0a:09");
    expect(parseMac(formatMac(mac))).toEqual(mac);
  });

  it.each(["", "00:1b:21:ff:0a", "00:1b:21:ff:0a:0g", "001b21ff0a09", "00:1b:21:ff:0a:09:01"])(
    "refuses %j",
    (text) => expect(parseMac(text)).toBeUndefined(),
  );
});

describe("virtualRouterMac", () => {
  it("is the address of RFC 9568, section 7.3", () => {
    expect(formatMac(virtualRouterMac(4, 51))).toBe("00:00:5e:00:01:33");
    expect(formatMac(virtualRouterMac(6, 51))).toBe("00:00:5e:00:02:33");
  });
});
