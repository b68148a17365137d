/**
 * Connections that say nothing: what each takes of the balancer's memory. What is taken once, for
 * tables and for code that is compiled, is told beside it as the memory in all.
 */

import type { Process } from "../lab/process.ts";
import { delay, eventually } from "../lab/wait.ts";
import { HAPROXY, HAPROXY_BEST, LINTEL } from "./balancers.ts";
import { descriptors, residentBytes } from "./cpu.ts";
import type { Workload } from "./workload.ts";
import { NEW_CONNECTIONS } from "./wrk.ts";

/** As many connections as the usual limit of 20,000 descriptors allows, but for some. */
export const IDLE: Workload = {
  name: "idle connections",
  unit: "bytes/connection",
  variants: [HAPROXY, HAPROXY_BEST, ...LINTEL],
  isFresh: true,
  goals: [{ figure: "cost", than: HAPROXY.name, atMost: 0.2 }],
  async measure(rig, balancer, extent) {
    // Who asks the server itself takes no memory of a balancer.
    if (!balancer) return { cost: 0, errors: 0 };
    const { idle } = extent;
    const { address, port, name, process: { pid } } = balancer;
    const holders: Process[] = [];
    const hold = async (count: number, all: number) => {
      const holder = rig.client.script(HOLDER, [address, String(port), String(count)]);
      holders.push(holder);
      await eventually(`${name} has ${all} connections`, () => {
        if (holder.ended) throw new Error(holder.output);
        // With its own, which are some tens, it may lack a few connections: they change nothing.
        return descriptors(pid) >= 2 * all;
      }, { deadlineMs: 60_000 });
      await delay(SETTLING_MS);
      return residentBytes(pid);
    };
    try {
      // The first connections take what is taken once, such as memory for code that is compiled.
      await NEW_CONNECTIONS.measure(rig, balancer, extent);
      const before = await hold(FIRST, FIRST);
      const after = await hold(idle - FIRST, idle);
      return { cost: (after - before) / (idle - FIRST), resident: after, errors: 0 };
    } finally {
      await Promise.all(holders.map((holder) => holder.stop()));
    }
  },
};

const HOLDER = new URL("./idle_client.ts", import.meta.url).pathname;

/** What was begun before is over by then. */
const SETTLING_MS = 1_000;
const FIRST = 500;
