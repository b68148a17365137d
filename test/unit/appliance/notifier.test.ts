import { describe, expect, it } from "vitest";
import { argumentsOf, Notifier, type Reach } from "../../../src/appliance/notifier.ts";
import type { Event } from "../../../src/admin/model_events.ts";
import { makeEvent } from "../admin/fake_appliance.ts";

function event(id: number, to: "active" | "backup" | "initialize", reason = "peerSilent"): Event {
  const made = makeEvent(id);
  return { ...made, transition: made.transition && { ...made.transition, to, reason } };
}

/** Everything outside, under control: commands end when the test says so. */
function open(statuses: (number | Error)[] = []) {
  const ran: string[] = [];
  const posted: string[] = [];
  const pauses: number[] = [];
  const logged: string[] = [];
  const running: ((ok: boolean) => void)[] = [];
  const reach: Reach = {
    run: (command) => {
      ran.push(command.join(" "));
      return new Promise((resolve) => running.push((ok) => resolve({ ok, detail: "it broke" })));
    },
    post: (_, body) => {
      posted.push(body);
      const status = statuses.shift() ?? 204;
      return typeof status === "number" ? Promise.resolve(status) : Promise.reject(status);
    },
    sleep: (durationMs) => {
      pauses.push(durationMs);
      return Promise.resolve();
    },
  };
  const log = { write: (_: string, message: string) => void logged.push(message) };
  const notifier = new Notifier(log, reach);
  const end = async (ok = true) => {
    running.shift()?.(ok);
    await settled();
  };
  return { notifier, ran, posted, pauses, logged, end };
}

/** Lets everything run that waits for nothing. */
async function settled() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

const command = { command: ["/bin/notify", "a b"], webhook: null };
const webhook = { command: null, webhook: "http://hook/" };

describe("argumentsOf()", () => {
  it.each(
    [
      ["active", "preempt", "MASTER"],
      ["backup", "startup", "BACKUP"],
      ["initialize", "interfaceDown", "FAULT"],
      ["initialize", "shutdown", "STOP"],
    ] as const,
  )("says of %s by %s what Keepalived would: %s", (to, reason, state) => {
    expect(argumentsOf(event(1, to, reason))).toEqual(["INSTANCE", "kube-api", state, "80"]);
  });
});

describe("Notifier", () => {
  it("runs one command at a time for each virtual router, in order", async () => {
    const { notifier, ran, end } = open();
    notifier.notify(command, event(1, "backup"));
    notifier.notify(command, event(2, "active"));
    notifier.notify(command, { ...event(3, "active"), virtualRouter: "web" });
    await settled();
    expect(ran).toEqual([
      "/bin/notify a b INSTANCE kube-api BACKUP 80",
      "/bin/notify a b INSTANCE web MASTER 80",
    ]);
    await end();
    expect(ran[2]).toBe("/bin/notify a b INSTANCE kube-api MASTER 80");
    expect(ran).toHaveLength(3);
  });

  it("runs the commands of a sync group one after another, and the group's own", async () => {
    const { notifier, ran, end } = open();
    notifier.notify(command, event(1, "active"), "pair");
    notifier.notify(command, { ...event(2, "active"), virtualRouter: "web" }, "pair");
    notifier.notifyGroup(command.command, "pair", "MASTER");
    for (let count = 0; count < 3; count++) {
      await settled();
      expect(ran).toHaveLength(count + 1);
      await end();
    }
    expect(ran).toEqual([
      "/bin/notify a b INSTANCE kube-api MASTER 80",
      "/bin/notify a b INSTANCE web MASTER 80",
      "/bin/notify a b GROUP pair MASTER 0",
    ]);
  });

  it("goes on after a command that failed, and says so", async () => {
    const { notifier, ran, logged, end } = open();
    notifier.notify(command, event(1, "backup"));
    notifier.notify(command, event(2, "active"));
    await end(false);
    expect(ran).toHaveLength(2);
    expect(logged).toEqual(["notify command of virtual router kube-api failed: it broke"]);
  });

  it("does not gather more than it can hold", async () => {
    const { notifier, ran, logged, end } = open();
    for (let id = 1; id <= 150; id++) notifier.notify(command, event(id, "backup"));
    for (let turn = 0; turn < 150; turn++) await end();
    expect(ran.length).toBeLessThanOrEqual(101);
    expect(logged.length).toBe(150 - ran.length);
  });

  it("posts the event, and tries again with growing pauses", async () => {
    const { notifier, posted, pauses, logged } = open([500, new Error("refused"), 429, 200]);
    notifier.notify(webhook, event(7, "active"));
    await notifier.settle();
    expect(posted).toHaveLength(4);
    expect(JSON.parse(posted[0] ?? "")).toEqual(event(7, "active"));
    expect(pauses).toEqual([0, 1_000, 2_000, 5_000]);
    expect(logged).toEqual([]);
  });

  it("gives up in the end, and at once where asking again cannot help", async () => {
    const never = open(Array.from({ length: 9 }, () => 503));
    never.notifier.notify(webhook, event(7, "active"));
    await never.notifier.settle();
    expect(never.posted).toHaveLength(7);
    expect(never.logged[0]).toMatch(/was not told of event 7: it answers 503/);
    const wrong = open([404]);
    wrong.notifier.notify(webhook, event(7, "active"));
    await wrong.notifier.settle();
    expect(wrong.posted).toHaveLength(1);
  });

  it("starts nothing more once it is stopped", async () => {
    const { notifier, ran, end } = open();
    notifier.notify(command, event(1, "backup"));
    notifier.notify(command, event(2, "active"));
    notifier.stop();
    await end();
    expect(ran).toHaveLength(1);
  });
});
