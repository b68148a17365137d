import { describe, expect, it } from "vitest";
import { isOurs, whyNotRunnable } from "../../../src/appliance/host.ts";
import { IFAPROT_VRRP } from "../../../src/speaker/addresses.ts";

describe("isOurs()", () => {
  it.each([
    ["has our mark", IFAPROT_VRRP, Infinity, true],
    ["has our mark and expires", IFAPROT_VRRP, 2, true],
    ["expires soon on a kernel without marks", 0, 2, true],
    ["was put there by hand", 0, Infinity, false],
    ["was leased", 0, 3600, false],
    ["has the mark of somebody else", 3, 2, false],
  ])("tells of an address that %s", (_name, protocol, validSeconds, ours) => {
    expect(isOurs({ ...ADDRESS, protocol, validSeconds })).toBe(ours);
  });
});

describe("whyNotRunnable()", () => {
  it.each([
    ["/bin/sh", null],
    ["/bin", "it is no file"],
    ["/etc/passwd", "it is not executable; chmod +x makes it so"],
    ["/bin/there-is-no-such-program", "there is no such file"],
  ])("of %s is %j", (path, cause) => expect(whyNotRunnable(path)).toBe(cause));

  it("is the kernel's own cause where it cannot even look", () => {
    expect(whyNotRunnable("/etc/passwd/program")).toContain("/etc/passwd/program");
  });
});

const ADDRESS = {
  index: 1,
  family: 4,
  address: Uint8Array.of(10, 0, 0, 9),
  prefixLength: 32,
  scope: 0,
  flags: 0,
  preferredSeconds: Infinity,
} as const;
