import { describe, expect, it } from "vitest";
import type { z } from "zod";
import {
  address,
  choice,
  command,
  duration,
  durationOrNone,
  flag,
  interfaceName,
  keys,
  limit,
  list,
  listOrEmpty,
  name,
  named,
  text,
  url,
  whole,
} from "../../../../src/config/schema/words.ts";

describe("words", () => {
  it.each<[string, z.ZodType, unknown[], unknown[]]>([
    ["flag", flag(), [true, false], ["true", 1, null]],
    ["whole", whole(1, 9), [1, 9], [0, 10, 1.5, "5", Number.NaN]],
    ["choice", choice(["a", "b"]), ["a", "b"], ["c", "A", 1]],
    ["text", text("digits", /^\d+$/), ["0"], ["", "a", 0]],
    ["duration", duration(), ["1us", "24d"], ["0s", "25d", "1", 1, "none"]],
    ["duration from 0", duration(0), ["0s"], ["-1s"]],
    ["durationOrNone", durationOrNone(2000), ["none", "2s"], ["1s", "nones", null]],
    ["address", address(), ["10.0.0.1", "fd00::1"], ["10.0.0.1/24", "host", 10]],
    ["limit", limit(), [undefined, 1, 1e9], [0, -1, 1.5, "1"]],
    ["name", name(), ["a", "lb1.example", "0", "x".repeat(63)], ["", "-a", "a/b", "x".repeat(64)]],
    ["named", named(flag(), "flags"), [{}, { a: true }], [[], { "a b": true }, { a: 1 }]],
    ["keys", keys({ a: flag() }), [{ a: true }], [{}, { a: true, b: 1 }, []]],
    ["interfaceName", interfaceName(), ["eth0", "br-lan.5"], ["", "a b", "a/b", "x".repeat(16)]],
    ["command", command(), [["/bin/a"], ["/bin/a", ""]], [[], [""], ["a"], ["/bin/"], "/bin/a"]],
    [
      "url",
      url(),
      ["http://a", "https://a.example:8443/b?c#d", "http://[fd00::1]/"],
      ["a", "ftp://a", "https://", "https://me@a", "https://me:x@a", "https://a b", "http://a:x"],
    ],
    ["listOrEmpty", listOrEmpty(flag(), "flags"), [[], [true]], [true, [1], null]],
    ["list", list(flag(), "flags"), [[true]], [[], true, [1]]],
  ])("%s", (_, schema, good, bad) => {
    for (const value of good) expect(schema.safeParse(value).success).toBe(true);
    for (const value of bad) expect(schema.safeParse(value).success).toBe(false);
  });

  it("say what is allowed, and nothing else", () => {
    expect(messages(whole(1, 9), 0)).toEqual(["a whole number from 1 to 9"]);
    expect(messages(choice(["a", "b"]), "c")).toEqual(["a, b"]);
    expect(messages(durationOrNone(2000), "1s")[0]).toMatch(/^none, or a duration of 2s or more/);
    expect(messages(keys({ a: flag(), b: flag() }), 1)).toEqual(["a map of a, b"]);
  });
});

function messages(schema: z.ZodType, value: unknown): string[] {
  return schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];
}
