import { expect, it } from "vitest";
import {
  CAP_NET_ADMIN,
  CAP_NET_BIND_SERVICE,
  CAP_NET_RAW,
  CAP_SYS_NICE,
  mayHave,
  raise,
} from "../../../src/linux/thread.ts";

const ALL = [CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_NICE];

/** A set of capabilities of this thread, as proc(5) tells it. */
function capabilities(set: "CapPrm" | "CapEff"): bigint {
  const status = Deno.readTextFileSync("/proc/thread-self/status");
  return BigInt(`0x${new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1]}`);
}

it("mayHave() tells what is permitted", () => {
  const permitted = capabilities("CapPrm");
  for (const capability of [...ALL, 40]) {
    expect(mayHave(capability)).toBe((permitted >> BigInt(capability) & 1n) === 1n);
  }
});

it("raise() puts into effect what is permitted, and nothing else", () => {
  const [permitted, effective] = [capabilities("CapPrm"), capabilities("CapEff")];
  const asked = ALL.reduce((set, capability) => set | 1n << BigInt(capability), 0n);
  expect(raise(...ALL)).toBe(0);
  expect(capabilities("CapEff")).toBe(effective | (asked & permitted));
  expect(capabilities("CapPrm")).toBe(permitted);
});
