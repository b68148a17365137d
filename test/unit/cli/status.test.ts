import { describe, expect, it } from "vitest";
import { formatSpan, formatStatus } from "../../../src/cli/status.ts";
import { FakeAppliance, makeServer } from "../admin/fake_appliance.ts";

/** The status of an appliance whose only server is down. */
function formatted(failure: string, backup = false): string {
  const appliance = new FakeAppliance();
  const server = { ...makeServer("web", "a"), backup };
  const health = { ...server.health, state: "down", failure } as const;
  const backends = appliance.backends().slice(0, 1)
    .map((backend) => ({ ...backend, servers: [{ ...server, health }] }));
  return formatStatus({
    ...{ ...appliance.nodeStatus(), virtualRouters: [], frontends: [], overrides: [], backends },
    ...{ live: { ok: true, causes: [] }, ready: { ok: true, causes: [] } },
  }, false);
}

describe("formatStatus", () => {
  it("gives a failure one line, harmlessly", () => {
    const text = formatted("\r\n[-]etcd \u001b[2Jfailed\r\n[+]ping ok\n");
    expect(text).toMatch(/\[-\]etcd {2}\[2Jfailed\n$/);
    expect(text).not.toContain("ping");
  });

  it("tells a backup from the others", () => {
    expect(formatted("")).toMatch(/^web\/a +172/m);
    expect(formatted("", true)).toMatch(/^web\/a \(backup\) +172/m);
  });
});

describe("formatSpan", () => {
  it.each([
    [0, "0s"],
    [0.9, "0s"],
    [59, "59s"],
    [60, "1m"],
    [61.5, "1m 1s"],
    [3_600, "1h"],
    [3_601, "1h"],
    [93_784, "1d 2h"],
  ])("writes %d s as %s", (seconds, text) => expect(formatSpan(seconds)).toBe(text));
});
