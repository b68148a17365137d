import { describe, expect, it } from "vitest";
import { ROUTER_STATISTICS } from "../../../src/metrics/router_statistics.ts";

describe("ROUTER_STATISTICS", () => {
  it("has the interface's names, and says which object of RFC 6527 each one answers to", () => {
    const names = ROUTER_STATISTICS.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([
      "lintel_virtual_router_advertisements_sent_total",
      "lintel_virtual_router_advertisements_received_total",
      "lintel_virtual_router_announcements_total",
      "lintel_virtual_router_priority_zero_sent_total",
    ]));
    const sent = ROUTER_STATISTICS.find(({ counter }) => counter === "priorityZeroSent");
    expect(sent?.help).toContain("vrrpv3StatisticsSentPriZeroPackets");
  });
});
