/**
 * Many virtual routers of both families on one pair: they elect, they fail over together, and what
 * that costs.
 */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cpuNs } from "../../scripts/bench/cpu.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { IFA_F_TENTATIVE } from "../../src/core/wire/rtnetlink.ts";
import { figures, isSoak } from "./figures.ts";
import { Lintel, product } from "./product.ts";
import { activeDownMs } from "./standard.ts";

const PRIORITY = { lb1: 150, lb2: 100 };

/** How many in each family, and how often they are advertised. */
const SIZES = [
  { count: 64, intervalMs: 100 },
  { count: 255, intervalMs: 1_000 },
];

let command: readonly string[];
let lab: Lab;
let lb1: Host;
let lb2: Host;

beforeAll(async () => {
  command = await product();
});

beforeEach(async () => {
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lb2 = lab.host("lb2", { addresses: ["172.16.0.3/24"] });
  await eventually("duplicate address detection is over", () =>
    lab.hosts.every((host) => {
      const local = host.addresses().filter(({ prefix }) => prefix.startsWith("fe80:"));
      return local.length > 0 && local.every(({ flags }) => !(flags & IFA_F_TENTATIVE));
    }));
});

afterEach(() => lab?.[Symbol.asyncDispose]());

describe.each(isSoak ? SIZES : SIZES.slice(0, 1))(
  "$count virtual routers in each family, every $intervalMs ms",
  ({ count, intervalMs }) => {
    const timing = { version: 3, intervalMs } as const;

    it("elect, cost little, and fail over together", async () => {
      const [active, backup] = await Promise.all([lb1, lb2].map(async (host) => {
        const lintel = new Lintel(host, command, configuration(count, intervalMs, host));
        await lintel.ready(30_000);
        return lintel;
      }));
      if (!active || !backup) throw new Error("both were started");
      await eventually("lb1 holds all", () => held(lb1) === 2 * count && held(lb2) === 0, {
        deadlineMs: 20_000,
      });
      const forMs = isSoak ? 10_000 : 1_000;
      const [activeCpuPercent, backupCpuPercent] = await Promise.all([
        cost(active, forMs),
        cost(backup, forMs),
      ]);
      const rejected = await Promise.all([active.rejections("v4-1"), backup.rejections("v6-1")]);
      expect(rejected).toEqual([{}, {}]);

      const since = monotonicMs();
      active.process.kill("SIGKILL");
      const takenMs = await took(since);
      figures(`${count} × 2 virtual routers, ${intervalMs} ms, SIGKILL`, {
        ...{ firstMs: takenMs[0], lastMs: takenMs[1] },
        ...{ activeCpuPercent, backupCpuPercent },
      });
      const downMs = activeDownMs(timing, PRIORITY.lb2);
      expect(takenMs[0]).toBeGreaterThan(downMs - intervalMs - 50);
      expect(takenMs[1]).toBeLessThan(downMs + 100 + SHARED_MACHINE_MS);

      if (!isSoak) return;
      // They come back, and are handed over by a planned stop.
      await eventually("lb1's addresses are gone", () => held(lb1) === 0);
      const again = new Lintel(lb1, command, configuration(count, intervalMs, lb1));
      await again.ready(30_000);
      await eventually("lb1 holds all again", () => held(lb1) === 2 * count && held(lb2) === 0, {
        deadlineMs: 20_000,
      });
      const stoppedAt = monotonicMs();
      again.process.kill("SIGTERM");
      const handedMs = await took(stoppedAt);
      figures(`${count} × 2 virtual routers, ${intervalMs} ms, planned stop`, {
        ...{ firstMs: handedMs[0], lastMs: handedMs[1] },
      });
      // So many farewells take their time; to wait in silence would take longer.
      expect(handedMs[1]).toBeLessThan(downMs);
      expect((await again.process.end()).code).toBe(0);
    });

    /** When lb2 held the first and the last of all addresses. */
    async function took(since: number): Promise<[firstMs: number, lastMs: number]> {
      let firstMs = NaN;
      for (;;) {
        const holding = held(lb2);
        const now = monotonicMs() - since;
        if (holding > 0 && Number.isNaN(firstMs)) firstMs = now;
        if (holding === 2 * count) return [firstMs, now];
        if (now > 20_000) throw new Error(`after 20 s lb2 holds ${holding} of ${2 * count}`);
        await delay(5);
      }
    }
  },
);

/** How many virtual addresses a host holds. */
function held(host: Host): number {
  return host.addresses().filter(({ prefix }) => /^(172\.17\.|fe80::17:)/.test(prefix)).length;
}

/** What one costs in percent of a CPU. */
async function cost({ process }: Lintel, forMs: number): Promise<number> {
  const since = monotonicMs();
  const before = cpuNs(process.pid);
  await delay(forMs);
  return (cpuNs(process.pid) - before) / 1e4 / (monotonicMs() - since);
}

function configuration(count: number, intervalMs: number, { name }: Host): string {
  const priority = name === "lb1" ? PRIORITY.lb1 : PRIORITY.lb2;
  const common = `interface: eth0, priority: ${priority}, advertisementInterval: ${intervalMs}ms`;
  const lines = Array.from({ length: count }, (_, at) => {
    const vrid = at + 1;
    return `  v4-${vrid}: { ${common}, vrid: ${vrid}, addresses: [172.17.0.${vrid}] }
  v6-${vrid}: { ${common}, vrid: ${vrid}, addresses: ["fe80::17:${vrid.toString(16)}"] }`;
  });
  return `workers: 1\nvirtualRouters:\n${lines.join("\n")}\n`;
}

/** Other things run beside the tests. */
const SHARED_MACHINE_MS = 150;
