import { describe, expect, it } from "vitest";
import { EXIT, exitCodeOf } from "../../../src/cli/exit_code.ts";

describe("exit codes", () => {
  it("are those of the interface", () => {
    expect(EXIT).toEqual({
      done: 0,
      failed: 1,
      usage: 2,
      invalidConfiguration: 3,
      hostLacks: 4,
      noAnswer: 5,
      deadline: 6,
      refused: 7,
      unauthorised: 8,
      changesPending: 9,
    });
  });

  it.each([
    [400, 1],
    [401, 8],
    [403, 8],
    [404, 1],
    [409, 7],
    [412, 7],
    [413, 1],
    [415, 1],
    [422, 2],
    [429, 1],
    [500, 1],
    [503, 1],
  ])("an answer of %d ends with %d", (status, code) => expect(exitCodeOf(status)).toBe(code));
});
