/**
 * `lintel failover` with the product: the peer first, connections reset, the address last; a hold,
 * and a node that goes on where nobody takes over.
 */

import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { always, delay, eventually } from "../../scripts/lab/wait.ts";
import type { Handover } from "../../src/admin/model_handover.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { connects } from "./connects.ts";
import { figures } from "./figures.ts";
import { HeldConnection } from "./held_connection.ts";
import { eventsOf, Pair, VIP } from "./pair.ts";
import { ProbeClient } from "./probe_client.ts";
import { product } from "./product.ts";

const FAILOVER = "/v1/virtual-routers/web/failover";

let command: readonly string[];
let pair: Pair;

beforeAll(async () => {
  command = await product();
});

afterEach(() => pair?.[Symbol.asyncDispose]());

describe("lintel failover", () => {
  it("hands over to the peer, holds, and comes back when the hold is forgotten", async () => {
    pair = await Pair.create(command, { interval: "500ms" });
    const [one] = await pair.startBoth();
    const { watch, client, lb1, lb2 } = pair;
    using held = await HeldConnection.open(client, VIP, 80);
    const probe = new ProbeClient(client, `${VIP}:80`);
    await probe.answered();

    const foretold = await one.json("POST", `${FAILOVER}?dryRun=true`, {}) as Handover;
    expect(foretold).toMatchObject({ dryRun: true, virtualRouters: ["web"] });
    expect(foretold.connections).toBeGreaterThan(0);
    expect(watch.holders()).toEqual(["lb1"]);

    const since = monotonicMs();
    const answer = pair.lintel(lb1, "failover", "web", "--hold", "60s", "--reason", "kernel");
    const takenMs = await watch.gained(lb2, since);
    const goneMs = await watch.lost(lb1, since);
    expect((await held.end()).how).toBe("ECONNRESET");
    const { code, stdout, output } = await answer;
    expect(code, output).toBe(0);
    expect(stdout).toMatch(/^handed over web; .*172\.16\.0\.3 has taken over/);
    const { gapMs } = await probe.since(since);
    figures("lintel failover", { takenMs, overlapMs: watch.overlapMs(since), goneMs, gapMs });
    const stallMs = watch.stallMs(since);
    expect(goneMs).toBeGreaterThanOrEqual(takenMs);
    expect(watch.vacantMs(since)).toBe(0);
    expect(gapMs).toBeLessThan(150 + stallMs);

    // It does not preempt, though its priority is higher; and it serves again when it does.
    expect((await one.router()).heldUntil).not.toBeNull();
    await always("lb2 keeps it", () => watch.holders().join() === "lb2", { forMs: 2_500 });
    await one.json("DELETE", "/v1/virtual-routers/web/hold");
    await watch.only(lb1, 8_000);
    expect((await one.router()).heldUntil).toBeNull();
    await eventually("lb1 serves it", () => connects(client, VIP, 80));

    const told = (await eventsOf(one)).filter(({ kind }) => kind === "failover");
    expect(told.map(({ message }) => message)).toEqual([
      expect.stringMatching(/to be handed over/),
      expect.stringMatching(/was handed over: 172\.16\.0\.3 has taken over/),
      expect.stringMatching(/may preempt again/),
    ]);
    expect(told[0]).toMatchObject({
      by: expect.stringMatching(/^root \(uid 0, pid \d+\)$/),
      reason: "kernel",
    });
  });

  it("goes on where nobody takes over, ends 7, and leaves connections alone", async () => {
    pair = await Pair.create(command);
    const one = pair.start(pair.lb1);
    await one.ready();
    await pair.watch.only(pair.lb1);
    using held = await HeldConnection.open(pair.client, VIP, 80);
    const since = monotonicMs();
    const { code, output } = await pair.lintel(pair.lb1, "failover", "web");
    expect(code).toBe(7);
    expect(output).toMatch(/no peer has taken over/);
    await delay(500);
    expect(pair.watch.changes(since)).toEqual([]);
    expect((await one.router()).state).toBe("active");
    await expect(held.end(200)).rejects.toThrow(/not within 200 ms/);
  });

  it("is refused to a Backup, and to nobody", async () => {
    pair = await Pair.create(command);
    await pair.startBoth();
    const backup = await pair.lintel(pair.lb2, "failover", "web");
    expect(backup).toMatchObject({ code: 7, output: expect.stringMatching(/is backup here/) });
    expect(await pair.lintel(pair.lb2, "failover", "api")).toMatchObject({ code: 1 });
  });

  it("leaves with force also where nobody takes over", async () => {
    pair = await Pair.create(command);
    const one = pair.start(pair.lb1);
    await one.ready();
    await pair.watch.only(pair.lb1);
    const { code, output } = await pair.lintel(pair.lb1, "failover", "web", "--force");
    expect(code, output).toBe(0);
    expect(pair.watch.holders()).toEqual([]);
  });
});
