import { describe, expect, it } from "vitest";
import { Cuts, type Cutter } from "../../../src/appliance/cuts.ts";
import type { CutOrder } from "../../../src/dataplane/orders.ts";
import type { Fd } from "../../../src/linux/libc.ts";
import type { Row } from "../../../src/memory/server_table.ts";

describe("Cuts", () => {
  it("orders all workers, and adds up what they have reset", async () => {
    const { cuts, orders } = cutsOf("dataplane-0", "dataplane-1");
    const all = cuts.server(3 as Row);
    expect(orders.map(([name, { which }]) => [name, which])).toEqual([
      ["dataplane-0", { row: 3 }],
      ["dataplane-1", { row: 3 }],
    ]);
    orders.forEach(([name, { id }], at) =>
      cuts.heard(name, { kind: "cut", id, connections: at + 1 })
    );
    expect(await all).toBe(3);
  });

  it("owes nothing of a worker that is not running, or dies", async () => {
    const { cuts, orders, workers } = cutsOf("dataplane-0", "dataplane-1");
    Object.assign(workers[0]!, { isRunning: false });
    const all = cuts.server(0 as Row);
    expect(orders.map(([name]) => name)).toEqual(["dataplane-1"]);
    cuts.lost("dataplane-0");
    cuts.lost("dataplane-1");
    expect(await all).toBe(0);
  });

  it("orders each worker for its own listeners, and none that has none", async () => {
    const { cuts, orders } = cutsOf("dataplane-0", "dataplane-1");
    const all = cuts.listeners([[], [7 as Fd]]);
    expect(orders).toEqual([["dataplane-1", { kind: "cut", id: 1, which: { listeners: [7] } }]]);
    cuts.heard("dataplane-1", { kind: "cut", id: 1, connections: 2 });
    expect(await all).toBe(2);
  });

  it("orders one worker for connections of its own", async () => {
    const { cuts, orders } = cutsOf("dataplane-0", "dataplane-1");
    const which = { slots: [4], generations: [9] };
    const some = cuts.chosen(1, which);
    expect(orders).toEqual([["dataplane-1", { kind: "cut", id: 1, which }]]);
    cuts.heard("dataplane-1", { kind: "cut", id: 1, connections: 1 });
    expect(await some).toBe(1);
    expect(await cuts.chosen(2, which)).toBe(0);
  });
});

function cutsOf(...names: string[]) {
  const orders: [string, CutOrder][] = [];
  const workers = names.map((name): Cutter => ({
    name,
    isRunning: true,
    post: (order) => orders.push([name, order]),
  }));
  return { cuts: new Cuts(workers), orders, workers };
}
