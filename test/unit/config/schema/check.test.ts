import { describe, expect, it } from "vitest";
import { CheckSchema } from "../../../../src/config/schema/check.ts";

describe("CheckSchema", () => {
  it("needs no key", () => {
    expect(CheckSchema.parse({})).toEqual({ type: "tcp", interval: "2s", rise: 2, fall: 3 });
  });

  it.each([
    ["recordType", "ANY"],
    ["transport", "tls"],
    ["query", "a b"],
    ["query", `${"a".repeat(64)}.example`],
    ["send", "x".repeat(1025)],
    ["serverName", "10.0.0.1"],
    ["command", []],
    ["command", ["check"]],
    ["status", "2xx"],
    ["password", "x"],
  ])("refuses %s: %j", (key, value) => {
    expect(CheckSchema.safeParse({ [key]: value }).success).toBe(false);
  });

  it.each([
    ["query", "_dns.resolver.arpa"],
    ["query", "example.com."],
    ["expect", "\u0000\r\n"],
    ["status", [200, "300-399"]],
    ["command", ["/bin/check", ""]],
  ])("takes %s: %j", (key, value) => {
    expect(CheckSchema.safeParse({ [key]: value }).success).toBe(true);
  });
});
