import { describe, expect, it } from "vitest";
import { Trackers } from "../../../src/appliance/trackers.ts";
import type { Tell } from "../../../src/appliance/watchers.ts";
import type { TrackerPlan } from "../../../src/core/plan/plan.ts";

const SCRIPT: TrackerPlan = {
  type: "script",
  name: "ping",
  command: ["/bin/ping"],
  intervalMs: 1_000,
  timeoutMs: 700,
  rise: 2,
  fall: 2,
};
const FILE: TrackerPlan = { type: "file", name: "hold", path: "/etc/hold" };

function open(...plans: TrackerPlan[]) {
  const tells = new Map<string, Tell>();
  const changes: string[] = [];
  const signals: AbortSignal[] = [];
  const trackers = new Trackers(plans, ({ name }, tell, signal) => {
    tells.set(name, tell);
    signals.push(signal);
    return Promise.resolve();
  });
  trackers.onChange = ({ name, good }, isFirst) =>
    changes.push(`${name} ${good ? "good" : "bad"}${isFirst ? " first" : ""}`);
  trackers.start();
  const tell = (name: string, ok: boolean, detail = "") => tells.get(name)?.(ok, detail);
  return { trackers, changes, signals, tell };
}

describe("Trackers", () => {
  it("knows nothing before the first result, which decides", () => {
    const { trackers, changes, tell } = open(SCRIPT, FILE);
    expect(trackers.state("ping")).toMatchObject({ good: null, since: null });
    expect([trackers.isSettled, trackers.longestMs]).toEqual([false, 700]);
    tell("ping", false, "unreachable");
    expect(trackers.isSettled).toBe(false);
    tell("hold", true);
    expect(trackers.isSettled).toBe(true);
    expect(changes).toEqual(["ping bad first", "hold good first"]);
    expect(trackers.state("ping")).toMatchObject({ good: false, detail: "unreachable" });
  });

  it("counts a script's results, and tells the ones that hold", () => {
    const { trackers, changes, tell } = open(SCRIPT);
    tell("ping", true, "1 ms");
    tell("ping", false, "lost");
    expect(trackers.state("ping")).toMatchObject({ good: true, detail: "1 ms" });
    tell("ping", true, "2 ms");
    expect(trackers.state("ping")).toMatchObject({ good: true, detail: "2 ms" });
    tell("ping", false);
    tell("ping", false, "lost again");
    expect(trackers.state("ping")).toMatchObject({ good: false, detail: "lost again" });
    expect(changes).toEqual(["ping good first", "ping bad"]);
  });

  it("believes a file at once", () => {
    const { changes, tell } = open(FILE);
    for (const ok of [true, true, false, true]) tell("hold", ok);
    expect(changes).toEqual(["hold good first", "hold bad", "hold good"]);
  });

  it("ends its watchers", () => {
    const { trackers, signals } = open(SCRIPT, FILE);
    trackers.stop();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it("survives a watcher that fails", async () => {
    const failing = new Trackers([FILE], () => Promise.reject(new Error("a bug")));
    const failed: string[] = [];
    failing.onFault = (name) => failed.push(name);
    failing.start();
    await Promise.resolve();
    await Promise.resolve();
    expect(failed).toEqual(["hold"]);
  });

  it("go by another plan: the same goes on, the other begins anew, the gone is stopped", () => {
    const { trackers, changes, signals, tell } = open(SCRIPT, FILE);
    tell("ping", true);
    tell("hold", false);
    trackers.change([SCRIPT]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(trackers.state("hold")).toBeUndefined();
    tell("hold", true);
    expect(changes).toHaveLength(2);
    trackers.change([{ ...SCRIPT, command: ["/bin/false"] }, FILE]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false, false]);
    // What was known of it still counts.
    expect(trackers.state("ping")).toMatchObject({ good: true });
    expect(trackers.unsettled).toEqual(["hold"]);
    tell("ping", false, "refused");
    expect(trackers.state("ping")).toMatchObject({ good: false, detail: "refused" });
  });
});
