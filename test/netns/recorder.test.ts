/**
 * The flight recorder and notifications with the product: over kills and restarts, listed,
 * followed and told.
 */

import { afterEach, beforeAll, expect, it } from "vitest";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import type { Event } from "../../src/admin/model_events.ts";
import { eventsOf, Pair } from "./pair.ts";
import { Lintel, product } from "./product.ts";

let command: readonly string[];
let pair: Pair;

beforeAll(async () => {
  command = await product();
});

afterEach(() => pair?.[Symbol.asyncDispose]());

it("remembers over a SIGKILL and a torn line, counts on, and explains", async () => {
  pair = await Pair.create(command);
  const { lb1, watch } = pair;
  const one = pair.start(lb1);
  await one.ready();
  await watch.only(lb1);
  await one.patchServer("web", "web1", { weight: 50, reason: "half" });
  const before = await eventsOf(one);
  one.process.kill("SIGKILL");
  await one.process.status;
  const file = `${lb1.directory}/events.jsonl`;
  Deno.writeTextFileSync(file, '{"id":99,"at":"20', { append: true });

  const again = pair.start(lb1);
  await again.ready();
  // Its address may be the one that was left behind: what counts is that it became Active again.
  let after: readonly Event[] = [];
  await eventually("the second life is Active", async () => {
    after = await eventsOf(again);
    return after.slice(before.length).some(({ transition }) => transition?.to === "active");
  });
  expect(after.slice(0, before.length)).toEqual(before);
  const ids = after.map(({ id }) => id);
  expect(ids).toEqual(ids.map((_, at) => at + 1));
  expect(after).toContainEqual(expect.objectContaining({ kind: "change", reason: "half" }));
  const last = after.findLast(({ kind }) => kind === "transition");
  expect(last?.transition).toMatchObject({
    from: "backup",
    to: "active",
    reason: "peerSilent",
    lastAdvertisement: null,
    priority: { configured: 150, effective: 150 },
    trackers: [{ name: "dataplane", good: true }],
    counters: { advertisementsSent: 0, announcements: 0 },
  });
  const { stdout } = await pair.lintel(lb1, "why");
  expect(stdout).toMatch(
    /virtual router web is active: .*it was backup before.*all that is tracked/,
  );
  again.process.kill("SIGTERM");
  expect((await again.process.end()).code).toBe(0);
  const lines = Deno.readTextFileSync(file).trimEnd().split("\n");
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ kind: "appliance", message: "stopped" });
});

it("is followed live, and ends with the appliance", async () => {
  pair = await Pair.create(command);
  const { lb1 } = pair;
  const one = pair.start(lb1);
  await one.ready();
  const env = { LINTEL_ADMIN: `unix:${lb1.directory}/admin.sock` };
  const following = lb1.spawn([...command, "events", "--follow", "--json"], { env });
  await following.printed(/"to":"active"/);
  await one.patchServer("web", "web1", { state: "drain" });
  await following.printed(/server web\/s?web1 was changed: state drain/);
  one.process.kill("SIGTERM");
  expect((await one.process.end()).code).toBe(0);
  expect((await following.end()).code).toBe(5);
  const events = following.stdout.trim().split("\n").map((line): Event => JSON.parse(line));
  expect(events.map(({ id }) => id)).toEqual(events.map((_, at) => at + 1));
});

it("tells commands in order, and a webhook although it fails at first", async () => {
  const posted: Event[] = [];
  let failures = 0;
  pair = await Pair.create(command, {
    router: 'notify: { command: [/bin/sh, "${HOST_DIRECTORY}/notify.sh", said], ' +
      'webhook: "http://172.16.0.21:8099/" }',
  });
  const { lb1, web } = pair;
  const hook = web.write("hook.ts", HOOK);
  const server = web.script(hook, [], {
    onLine: (line) => {
      if (line === "failing") failures++;
      else if (line.startsWith("{")) posted.push(JSON.parse(line));
    },
  });
  await server.printed(/listening/);
  lb1.write("notify.sh", `sleep 0.2; echo "$@" >> ${lb1.directory}/notified\n`);
  const one = pair.start(lb1);
  await one.ready();
  await pair.watch.only(lb1);
  const notified = () => Deno.readTextFileSync(`${lb1.directory}/notified`);
  const started = "said INSTANCE web BACKUP 150\nsaid INSTANCE web MASTER 150\n";
  await eventually("the command has been told", () => notified() === started);
  await eventually("the webhook has been told", () => posted.length === 2);
  expect(failures).toBe(1);
  expect(posted.map(({ transition }) => transition?.to)).toEqual(["backup", "active"]);
  expect(posted).toEqual((await eventsOf(one)).filter(({ kind }) => kind === "transition"));
  one.process.kill("SIGTERM");
  expect((await one.process.end()).code).toBe(0);
  expect(notified()).toBe(`${started}said INSTANCE web STOP 150\n`);
});

it("tells commands of a sync group as a whole, after its members", async () => {
  await using lab = Lab.create();
  const lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  lb1.write("notify.sh", `echo "$@" >> ${lb1.directory}/notified\n`);
  const router = (name: string, vrid: number) =>
    `  ${name}: { vrid: ${vrid}, interface: eth0, addresses: [172.16.0.${vrid}], ` +
    "advertisementInterval: 100ms, " +
    'notify: { command: [/bin/sh, "${HOST_DIRECTORY}/notify.sh"] } }\n';
  const one = new Lintel(
    lb1,
    command,
    `virtualRouters:\n${router("web", 51)}${router("dns", 52)}syncGroups: { pair: [web, dns] }\n`,
  );
  await one.ready();
  const notified = () => {
    try {
      return Deno.readTextFileSync(`${lb1.directory}/notified`).trim().split("\n");
    } catch {
      return [];
    }
  };
  await eventually("the group is told of", () => notified().includes("GROUP pair MASTER 0"));
  expect((await one.process.stop("SIGTERM")).code).toBe(0);
  const states = ["BACKUP", "MASTER", "STOP"];
  const lines = notified();
  expect(lines).toHaveLength(9);
  for (const [at, state] of states.entries()) {
    const [first, second, group] = lines.slice(3 * at, 3 * at + 3);
    expect([first, second].toSorted())
      .toEqual([`INSTANCE dns ${state} 100`, `INSTANCE web ${state} 100`]);
    expect(group).toBe(`GROUP pair ${state} 0`);
  }
});

/** Fails once, then prints what it is sent. */
const HOOK = `
let isFirst = true;
Deno.serve({ port: 8099, onListen: () => console.log("listening") }, async (request) => {
  const text = await request.text();
  console.log(isFirst ? "failing" : text);
  const status = isFirst ? 503 : 204;
  isFirst = false;
  return new Response(null, { status });
});
`;
