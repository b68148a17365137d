import { expect, it } from "vitest";
import { addMacvlan, removeLink, setLinkAlias } from "../../../../src/core/wire/rtlink.ts";

it.each([
  [
    "addMacvlan",
    addMacvlan("vrrp.51", 2, Uint8Array.of(0, 0, 0x5e, 0, 1, 0x33)),
    "5c000000 10000506 00000000 00000000" + "00".repeat(16) +
    "0c000300 767272702e353100" + "0a000100 00005e0001330000" + "08000500 02000000" +
    "1c001200" + "0c000100 6d616376 6c616e00" + "0c000200 08000100 01000000",
  ],
  [
    "setLinkAlias",
    setLinkAlias(7, "ab"),
    "28000000 10000500 00000000 00000000 00000000 07000000 " + "00".repeat(8) + "06001400 61620000",
  ],
  [
    "removeLink",
    removeLink(7),
    "20000000 11000500 00000000 00000000 00000000 07000000 " + "00".repeat(8),
  ],
])("%s()", (_name, message, expected) => {
  const hex = Array.from(message, (byte) => byte.toString(16).padStart(2, "0")).join("");
  expect(hex).toBe(expected.replaceAll(" ", ""));
});
