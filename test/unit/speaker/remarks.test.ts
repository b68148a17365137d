import { describe, expect, it } from "vitest";
import { routerPlan } from "../plans.ts";
import type { Advertisement } from "../../../src/core/wire/vrrp.ts";
import type { LogReport, Report } from "../../../src/speaker/orders.ts";
import { Remarks } from "../../../src/speaker/remarks.ts";

const PLAN = routerPlan({ addresses: [], priority: 255 });
const HEARD: Advertisement = {
  vrid: 51,
  priority: 100,
  intervalMs: 1000,
  source: Uint8Array.of(10, 77, 0, 2),
  checksum: "pseudoHeader",
  sameAddresses: true,
};

describe("Remarks", () => {
  it("says once what stays so, and again after it was over", () => {
    const { remarks, said } = listen();
    remarks.once("place", "warn", "no interface");
    remarks.once("place", "warn", "no interface");
    remarks.forget("place");
    remarks.once("place", "warn", "no interface");
    expect(said).toEqual(["api: no interface", "api: no interface"]);
  });

  it("says what comes again and again once a minute", () => {
    const { remarks, said } = listen();
    for (let now = 0; now <= 120_000; now += 1000) remarks.sometimes("ttl", "warn", "ttl", now);
    expect(said).toHaveLength(3);
  });

  it("says that sending fails, and nothing more until it has worked", () => {
    const { remarks, said } = listen();
    for (const result of [-1, -105, 32, -105]) {
      remarks.sent("advertisements", result);
      // That these can be sent says nothing of those.
      remarks.sent("announcements", 42);
    }
    expect(said).toEqual([
      "api: sending advertisements fails: EPERM; it is tried again each time",
      "api: sending advertisements fails: ENOBUFS; it is tried again each time",
    ]);
  });

  it("is not made to say or keep more by forged senders", () => {
    const { remarks, said } = listen();
    for (let forged = 0; forged < 10_000; forged++) {
      const source = Uint8Array.of(10, 77, forged >> 8, forged & 0xff);
      remarks.onAdvertisement(PLAN, { ...HEARD, source, intervalMs: 10, checksum: "plain" }, 0);
    }
    expect(said).toHaveLength(100);
    remarks.once("place", "warn", "no interface");
    expect(said.at(-1)).toBe("api: no interface");
  });

  it("names a peer with its MAC address as soon as that is known", () => {
    const { remarks, said } = listen();
    let found: ((name: string) => void) | undefined;
    remarks.senders = {
      nameOf: (_source, later) => {
        found = later;
        return "10.77.0.2";
      },
    };
    remarks.onRejection("addressList", HEARD.source, 0);
    remarks.onRejection("addressList", HEARD.source, 1000);
    found?.("10.77.0.2 (02:00:00:00:00:02)");
    expect(said).toEqual([
      expect.stringContaining("advertisement of 10.77.0.2 rejected: addressList (another list"),
      "api: these advertisements come from 10.77.0.2 (02:00:00:00:00:02)",
    ]);
  });

  it("says nothing of other virtual routers", () => {
    const { remarks, said } = listen();
    remarks.onRejection("vrid", HEARD.source, 0);
    expect(said).toEqual([]);
  });

  it("says who claims our address, and what became of one that is gone", () => {
    const { remarks, said } = listen();
    remarks.onClaim(Uint8Array.of(10, 77, 0, 100), Uint8Array.of(2, 0, 0, 0, 0, 9), 0);
    remarks.onClaim(Uint8Array.of(10, 77, 0, 100), null, 0);
    remarks.onLoss("10.77.0.100", 0, 0);
    remarks.onLoss("10.77.0.101", 2_500, 0);
    expect(said).toEqual([
      expect.stringContaining("02:00:00:00:00:09 claims 10.77.0.100, which this node holds"),
      expect.stringContaining("another host claims 10.77.0.100"),
      expect.stringContaining("10.77.0.100 was removed from this host by somebody else: put back"),
      expect.stringContaining("10.77.0.101 has expired, since this thread was not run: put back"),
    ]);
  });

  it("finds nothing odd about an ordinary advertisement", () => {
    const { remarks, said } = listen();
    remarks.onAdvertisement(PLAN, HEARD, 0);
    expect(said).toEqual([]);
  });

  it.each<[Partial<Advertisement>, string]>([
    [{ checksum: "plain" }, "another form of checksum"],
    [{ intervalMs: 10 }, "advertises every 10 ms, we are to do so every 1000 ms"],
    [{ sameAddresses: false }, "advertises other addresses than ours"],
    [{ priority: 255 }, "says that it owns the addresses too"],
  ])("says what is odd about %o, once", (odd, message) => {
    const { remarks, said } = listen();
    remarks.onAdvertisement(PLAN, { ...HEARD, ...odd }, 0);
    remarks.onAdvertisement(PLAN, { ...HEARD, ...odd }, 1000);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`api: 10.77.0.2 `);
    expect(said[0]).toContain(message);
  });
});

function listen() {
  const said: string[] = [];
  const isLog = (report: Report): report is LogReport => report.kind === "log";
  const report = (report: Report) => void (isLog(report) && said.push(report.message));
  return { remarks: new Remarks("api", report), said };
}
