/**
 * As many virtual routers as one interface can have, in both families: they elect, fail over
 * together, and what that costs is told.
 */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import type { VirtualRouterPlan } from "../../src/core/plan/plan.ts";
import { activeDownInterval } from "../../src/core/vrrp/router.ts";
import { IFA_F_TENTATIVE } from "../../src/core/wire/rtnetlink.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { routerPlan } from "../unit/plans.ts";
import { figures } from "./figures.ts";
import { SpeakerHost } from "./speaker_host.ts";

const VRIDS = 255;
const INTERVAL_MS = 1_000;

let lab: Lab;
let lb1: Host;
let lb2: Host;

beforeEach(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["10.50.255.1/16"] });
  lb2 = lab.host("lb2", { addresses: ["10.50.255.2/16"] });
  await eventually(
    "duplicate address detection is over",
    () =>
      lab.hosts.every((host) => host.addresses().every(({ flags }) => !(flags & IFA_F_TENTATIVE))),
  );
});

afterEach(() => lab?.[Symbol.asyncDispose]());

it("255 virtual routers of both families elect, and fail over together", async () => {
  const one = new SpeakerHost(lb1, plans(150));
  const two = new SpeakerHost(lb2, plans(100));
  const everybody = () => VRIDS * 2;
  const held = (host: Host) => host.addresses().filter(({ protocol }) => protocol === 18).length;
  await eventually("all are elected", () => held(lb1) === 3 * VRIDS, { deadlineMs: 20_000 });
  await eventually("the other is Backup for all", () => two.are("backup") === everybody());
  two.transitions.length = 0;
  const busyMs = { active: await cpuMs(one), backup: await cpuMs(two) };
  const since = monotonicMs();
  await delay(5_000);
  const wallMs = monotonicMs() - since;
  const activeCpu = 100 * (await cpuMs(one) - busyMs.active) / wallMs;
  const backupCpu = 100 * (await cpuMs(two) - busyMs.backup) / wallMs;
  expect([one.are("active"), two.are("backup")]).toEqual([everybody(), everybody()]);
  expect(two.transitions.filter(({ to }) => to === "active")).toEqual([]);
  const killedAt = monotonicMs();
  one.process.kill("SIGKILL");
  await eventually("all have moved", () => held(lb2) === 3 * VRIDS, { deadlineMs: 20_000 });
  const movedMs = monotonicMs() - killedAt;
  figures(`${2 * VRIDS} virtual routers, ${INTERVAL_MS} ms`, { activeCpu, backupCpu, movedMs });
  expect(movedMs).toBeLessThan(activeDownInterval({ version: 3 }, 100, INTERVAL_MS) + 1_000);
  await two.stop();
  expect(held(lb2)).toBe(0);
});

function plans(priority: number): VirtualRouterPlan[] {
  return Array.from({ length: VRIDS }, (_, at) => at + 1).flatMap((vrid) => {
    const common = { vrid, priority, advertisementIntervalMs: INTERVAL_MS };
    return [
      routerPlan({
        ...common,
        name: `four-${vrid}`,
        addresses: [{ address: `10.50.1.${vrid}`, prefixLength: 32 }],
      }),
      routerPlan({
        ...common,
        name: `six-${vrid}`,
        family: 6,
        addresses: [`fe80::1:${vrid}`, `fd00:50::${vrid}`]
          .map((address) => ({ address, prefixLength: 128 })),
      }),
    ];
  });
}

/** What the speaker's thread has used of the processors: the one that is scheduled by priority. */
async function cpuMs(speaker: SpeakerHost): Promise<number> {
  const file = `speaker_process.ts ${speaker.host.directory}/`;
  const pids = (await speaker.host.run(["pgrep", "-f", file])).trim().split("\n");
  const threads = pids.flatMap((pid) =>
    [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => `/proc/${pid}/task/${name}/stat`)
  );
  const used = threads.map((path) => {
    // utime, stime and policy, counted after the name in brackets.
    const fields = Deno.readTextFileSync(path).split(") ")[1]?.split(" ") ?? [];
    return fields[38] === SCHED_RR ? Number(fields[11]) + Number(fields[12]) : 0;
  });
  return TICK_MS * Math.max(...used);
}

const SCHED_RR = "2";
const TICK_MS = 10;
