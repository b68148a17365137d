/**
 * Passwords of version 2 with a real Keepalived: the same one lets both agree, another one is
 * counted and moves nothing.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { routerPlan } from "../unit/plans.ts";
import { forge } from "./forge.ts";
import { Keepalived } from "./keepalived.ts";
import { SpeakerHost } from "./speaker_host.ts";

const VIP = "172.16.0.10";

let lab: Lab;
let ours: Host;
let theirs: Host;

beforeEach(() => {
  lab = Lab.create();
  ours = lab.host("ours", { addresses: ["172.16.0.2/24"] });
  theirs = lab.host("theirs", { addresses: ["172.16.0.3/24"] });
});

afterEach(() => lab?.[Symbol.asyncDispose]());

describe("a password of version 2", () => {
  it.each(["s3cret", "exactly8", "twelve chars"])("is also Keepalived's: %s", async (password) => {
    const keepalived = await keepalivedWith(100, password.slice(0, 8));
    const speaker = new SpeakerHost(ours, [planWith({ priority: 50, password })]);
    await eventually("one is heard", () => (speaker.counted()?.advertisementsReceived ?? 0) > 0);
    expect(speaker.counted()).toMatchObject({ state: "backup", rejected: {} });
    await keepalived.stop();
    await speaker.is("active");
    const back = await keepalivedWith(30, password.slice(0, 8));
    await delay(1_500);
    expect(theirs.holds(VIP)).toBe(false);
    const statistics = await back.statistics();
    expect(statistics["Packet Errors: Authentication"] ?? 0).toBe(0);
    expect(Object.entries(statistics).filter(([name, count]) => /Errors/.test(name) && count > 0))
      .toEqual([]);
  });

  it("that is another one moves nothing, and is counted", async () => {
    await keepalivedWith(100, "wrong");
    const speaker = new SpeakerHost(ours, [planWith({ priority: 50, password: "s3cret" })]);
    await speaker.is("active");
    expect(speaker.counted()?.rejected).toMatchObject({
      authenticationFailure: expect.any(Number),
    });
    await speaker.says(/advertisement of 172\.16\.0\.3.* rejected: authenticationFailure/);
  });

  it("that is missing, or not wanted, is a mismatch", async () => {
    const none = new SpeakerHost(ours, [planWith({ password: null }), second("s3cret")]);
    await Promise.all([none.is("active", "api"), none.is("active", "second")]);
    const common = { version: 2, priority: 200, source: "172.16.0.3", addresses: [VIP] };
    forge(theirs, { ...common, vrid: 51, interval: [1, 1] });
    forge(theirs, { ...common, vrid: 52, addresses: ["172.16.0.11"], interval: [0, 1] });
    for (const name of ["api", "second"]) {
      await eventually(
        `${name} counts it`,
        () => none.counted(name)?.rejected["authenticationMismatch"] === 1,
      );
      expect(none.counted(name)?.state).toBe("active");
    }
  });
});

async function keepalivedWith(priority: number, password: string): Promise<Keepalived> {
  const keepalived = new Keepalived(theirs, {
    ...{ version: 2, priority, intervalMs: 1_000, vip: VIP, password },
  });
  await keepalived.process.printed(/Startup complete/);
  return keepalived;
}

function planWith(said: Partial<VirtualRouterPlan>): VirtualRouterPlan {
  return routerPlan({ version: 2, addresses: [{ address: VIP, prefixLength: 32 }], ...said });
}

function second(password: string): VirtualRouterPlan {
  const addresses = [{ address: "172.16.0.11", prefixLength: 32 }];
  return { ...planWith({ password }), name: "second", vrid: 52, addresses };
}
