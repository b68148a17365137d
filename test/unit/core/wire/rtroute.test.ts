import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../../src/core/net/address.ts";
import { messagesOf } from "../../../../src/core/wire/netlink.ts";
import {
  addRoute,
  addRule,
  priorityOf,
  removeRoute,
  removeRule,
  type Route,
  type Rule,
} from "../../../../src/core/wire/rtroute.ts";

const ROUTE: Route = {
  family: 4,
  to: { bytes: bytesOf("10.1.2.3"), length: 20 },
  via: bytesOf("172.16.0.1"),
  index: 2,
  source: bytesOf("172.16.0.10"),
  table: 100,
  metric: 7,
};
const RULE: Rule = {
  family: 4,
  from: { bytes: bytesOf("10.2.0.0"), length: 16 },
  to: null,
  table: 1000,
  priority: 50,
};

describe("routes", () => {
  it.each([
    [
      "addRoute by a gateway, without host bits",
      addRoute(ROUTE),
      "4c000000 18000506 00000000 00000000" +
      "02140000 64120001 00000000" + "08000100 0a010000" + "08000f00 64000000" +
      "08000600 07000000" + "08000400 02000000" + "08000500 ac100001" + "08000700 ac10000a",
    ],
    [
      "addRoute on the link, in a table beyond 255",
      addRoute({ ...ROUTE, via: null, source: null, metric: null, table: 300 }),
      "34000000 18000506 00000000 00000000" + "02140000 0012fd01 00000000" +
      "08000100 0a010000" + "08000f00 2c010000" + "08000400 02000000",
    ],
    [
      "addRoute by a gateway of the other family",
      addRoute({ ...ROUTE, via: bytesOf("fe80::1"), source: null, metric: null, index: null }),
      "44000000 18000506 00000000 00000000" + "02140000 64120001 00000000" +
      "08000100 0a010000" + "08000f00 64000000" +
      "16001200 0a00 fe800000000000000000000000000001 0000",
    ],
    [
      "removeRoute",
      removeRoute(ROUTE),
      "34000000 19000500 00000000 00000000" + "02140000 64120001 00000000" +
      "08000100 0a010000" + "08000f00 64000000" + "08000600 07000000",
    ],
    [
      "addRoute by default",
      addRoute({
        ...ROUTE,
        family: 6,
        to: { bytes: bytesOf("::"), length: 0 },
        ...{ via: null, source: null, metric: null, table: 254 },
      }),
      "2c000000 18000506 00000000 00000000" + "0a000000 fe120001 00000000" +
      "08000f00 fe000000" + "08000400 02000000",
    ],
  ])("%s", (_name, message, expected) => {
    expect(hex(message)).toBe(expected.replaceAll(" ", ""));
  });
});

describe("rules", () => {
  it.each([
    ["addRule", addRule(RULE), "20000506"],
    ["removeRule", removeRule(RULE), "21000500"],
  ])("%s", (_name, message, type) => {
    expect(hex(message)).toBe(
      ("3c000000" + type + "00000000 00000000" + "02001000 00000001 00000000" +
        "08000200 0a020000" + "08000f00 e8030000" + "08000600 32000000" + "05001500 12000000")
        .replaceAll(" ", ""),
    );
  });
});

it("a rule without a priority asks for the one that the kernel gives it", () => {
  const asked = addRule({ ...RULE, priority: null });
  expect(hex(asked)).toContain("20000d06");
  const told = (bytes: Uint8Array<ArrayBuffer>) => priorityOf([...messagesOf(bytes)][0]!);
  expect([told(addRule(RULE)), told(asked), told(removeRule(RULE))]).toEqual([50, 0, undefined]);
});

function bytesOf(text: string): Uint8Array {
  return parseAddress(text)!.bytes;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
