/**
 * Connections that say nothing: what each takes of the balancer's memory.
 */

import { delay, eventually } from "../lab/wait.ts";
import { HAPROXY, HAPROXY_BEST, LINTEL } from "./balancers.ts";
import { descriptors, residentBytes } from "./cpu.ts";
import type { Workload } from "./workload.ts";

/** As many connections as the usual limit of 20,000 descriptors allows, but for some. */
export const IDLE: Workload = {
  name: "idle connections",
  unit: "bytes/connection",
  variants: [HAPROXY, HAPROXY_BEST, ...LINTEL],
  isFresh: true,
  goals: [{ figure: "cost", than: HAPROXY.name, atMost: 0.2 }],
  async measure({ client }, balancer, { idle }) {
    // Who asks the server itself takes no memory of a balancer.
    if (!balancer) return { cost: 0, errors: 0 };
    const { address, port, process: { pid } } = balancer;
    await delay(SETTLING_MS);
    const before = residentBytes(pid);
    const holder = client.script(HOLDER, [address, String(port), String(idle)]);
    try {
      const all = () => {
        if (holder.ended) throw new Error(holder.output);
        // With its own, which are some tens, it may lack a few connections: they change nothing.
        return descriptors(pid) >= 2 * idle;
      };
      await eventually(`${balancer.name} has ${idle} connections`, all, { deadlineMs: 60_000 });
      await delay(SETTLING_MS);
      return { cost: (residentBytes(pid) - before) / idle, errors: 0 };
    } finally {
      await holder.stop();
    }
  },
};

const HOLDER = new URL("./idle_client.ts", import.meta.url).pathname;

/** What was begun before is over by then. */
const SETTLING_MS = 1_000;
