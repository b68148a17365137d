import { describe, expect, it } from "vitest";
import {
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  errorName,
  isShortage,
  must,
  SystemError,
} from "../../../src/linux/errno.ts";

describe("must", () => {
  it.each([0, 7])("passes %i through", (result) => expect(must("call", result)).toBe(result));

  it("throws what the call was and what the error means", () => {
    expect(() => must("bind", -EADDRINUSE)).toThrow("bind: address already in use (EADDRINUSE)");
  });
});

describe("SystemError", () => {
  it("carries number and name", () => {
    expect(new SystemError("recv", EAGAIN)).toMatchObject({ errno: 11, code: "EAGAIN" });
  });

  it("names a number it does not know", () => {
    expect(new SystemError("recv", 4242).message).toBe("recv: error (errno 4242)");
  });
});

describe("errorName", () => {
  it("is the name in the headers", () => expect(errorName(EADDRINUSE)).toBe("EADDRINUSE"));
});

describe("isShortage", () => {
  it.each([EMFILE, ENFILE, ENOBUFS, ENOMEM])("is true of %i", (errno) => {
    expect(isShortage(errno)).toBe(true);
  });

  it.each([0, EAGAIN, ECONNREFUSED])("is false of %i", (errno) => {
    expect(isShortage(errno)).toBe(false);
  });
});
