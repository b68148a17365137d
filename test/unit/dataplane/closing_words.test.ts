import { describe, expect, it } from "vitest";
import { CLOSING } from "../../../src/dataplane/closing.ts";
import {
  CLOSING_WORDS,
  type ClosingName,
  closingName,
  terminationCode,
} from "../../../src/dataplane/closing_words.ts";
import { CONNECTING, HELD, RELAYING, WAITING } from "../../../src/dataplane/connection_table.ts";

const STATE = { phase: RELAYING, clientEnded: false };

describe("closingName()", () => {
  it("is the inverse of the numbers", () => {
    for (const [name, number] of Object.entries(CLOSING)) {
      expect(closingName(number)).toBe(name);
    }
  });
});

describe("terminationCode()", () => {
  it("is of HAProxy's letters for each reason in each phase", () => {
    for (let closing = 0; closing < Object.keys(CLOSING).length; closing++) {
      for (let phase = 0; phase < 8; phase++) {
        expect(terminationCode(closingName(closing), { phase, clientEnded: false }))
          .toMatch(/^[CSPLRIDUKcs-][RQCHDLT-]$/);
      }
    }
  });

  // What HAProxy itself says of the same traffic: test/netns/connection_log.test.ts.
  it.each<[ClosingName, Partial<typeof STATE>, string]>([
    ["finished", {}, "--"],
    ["clientReset", {}, "CD"],
    ["clientReset", { phase: CONNECTING }, "CC"],
    ["clientReset", { phase: WAITING }, "CC"],
    ["clientReset", { phase: HELD }, "CR"],
    ["clientReset", { phase: 6 }, "CQ"],
    ["serverReset", {}, "SD"],
    ["idleTimeout", {}, "cD"],
    ["halfClosedTimeout", {}, "cD"],
    ["halfClosedTimeout", { clientEnded: true }, "sD"],
    ["noServer", { phase: CONNECTING }, "SC"],
    ["connectFailed", { phase: CONNECTING }, "SC"],
    ["connectTimeout", { phase: CONNECTING }, "sC"],
    ["queueTimeout", { phase: 6 }, "sQ"],
    ["killed", {}, "K-"],
    ["serverDown", {}, "D-"],
    ["denied", { phase: HELD }, "PR"],
  ])("of %s in %j is %s", (name, state, code) => {
    expect(terminationCode(name, { ...STATE, ...state })).toBe(code);
  });
});

describe("CLOSING_WORDS", () => {
  it("says each reason in other words", () => {
    const words = Object.values(CLOSING_WORDS);
    expect(new Set(words).size).toBe(Object.keys(CLOSING).length);
  });
});
