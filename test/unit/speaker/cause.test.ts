import { expect, it } from "vitest";
import { TRANSITIONS } from "../../../src/core/vrrp/state.ts";
import { causeOf, type Circumstances } from "../../../src/speaker/cause.ts";

const HEARD = { priority: 150, intervalMs: 1000, source: Uint8Array.of(10, 0, 0, 9) };
const KNOWN: Circumstances = {
  priority: 100,
  heard: HEARD,
  silenceMs: 3609.4,
  place: "interface eth0 has no carrier",
  yield: "tracker uplink: interface eth1 is down",
};

it("causeOf() has one line for every reason, with or without a peer", () => {
  for (const reason of Object.keys(TRANSITIONS) as (keyof typeof TRANSITIONS)[]) {
    expect(causeOf(reason, KNOWN)).toMatch(/^\S.*\S$/);
    const alone = causeOf(reason, { ...KNOWN, heard: undefined, silenceMs: null, yield: null });
    expect(alone).not.toMatch(/undefined|null|NaN/);
  }
});

it.each(
  [
    ["peerSilent", "10.0.0.9 has been silent for 3609 ms"],
    ["higherPriority", "10.0.0.9 advertises priority 150, ours is 100"],
    ["yielded", "tracker uplink: interface eth1 is down"],
    ["interfaceDown", "interface eth0 has no carrier"],
  ] as const,
)("causeOf(%s) names the peer and the numbers", (reason, text) => {
  expect(causeOf(reason, KNOWN)).toBe(text);
});
