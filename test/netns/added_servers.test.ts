/**
 * Servers that are added to the running product: they take their part of the load, and are there
 * after reloads, restarts and `kill -9`, until they are removed or the file has them.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../scripts/lab/wait.ts";
import { HeldConnection } from "./held_connection.ts";
import { ReloadRig } from "./reload_rig.ts";
import { wrk } from "./wrk.ts";

const ONE = `"172.16.0.21:80"`;
const CONFIG = `workers: 2
frontends:
  web: { listen: "172.16.0.2:80", backend: web }
backends:
  web: { check: { type: tcp, interval: 200ms }, servers: { web1: ${ONE} } }
`;
const MORE = CONFIG.replace(
  "frontends:",
  `frontends:\n  more: { listen: "172.16.0.2:81", backend: web }`,
);
const BOTH = CONFIG.replace(ONE, `${ONE}, web2: { address: "172.16.0.22:80", weight: 9 }`);
const SERVER = "/v1/backends/web/servers/web2";

let rig: ReloadRig;

beforeAll(async () => {
  rig = await ReloadRig.create();
  await rig.start(CONFIG);
});

afterAll(() => rig?.[Symbol.asyncDispose]());

it("adds a server under load, which stays over reload, kill -9 and restart", async () => {
  const fresh = load(true);
  const kept = load(false);
  const add = ["server", "add", "web/web2", "172.16.0.22:80", "--weight", "50"];
  const { code, output } = await rig.verb(...add, "--reason", "more load");
  expect([code, output]).toEqual([0, expect.stringMatching(/^web\/web2: ready, weight 50, /)]);
  await usable();
  expect((await rig.lintel.ask("PUT", SERVER, { address: "172.16.0.22:80", weight: 50 })).status)
    .toBe(200);
  rig.write(MORE);
  const reload = await rig.verb("reload");
  expect([reload.code, reload.stdout]).toEqual([0, expect.stringMatching(/^\+ frontend more\n/)]);
  const outcomes = await Promise.all([fresh, kept]);
  expect(outcomes.map(({ errors }) => errors)).toEqual([{}, {}]);
  expect(outcomes[0]!.servers.web2).toBeGreaterThan(0);
  expect((await rig.verb("overrides")).stdout).toMatch(
    /^web\/web2 +added: 172\.16\.0\.22:80, weight 50 .*$/m,
  );
  const before = await rig.lintel.json("GET", "/v1/overrides");

  rig.lintel.process.kill("SIGKILL");
  await rig.lintel.process.status;
  await rig.start(CONFIG);
  await usable();
  await rig.lintel.process.stop();
  await rig.start(CONFIG);
  await usable();
  expect(await rig.lintel.json("GET", "/v1/overrides")).toEqual(before);
  const { servers, errors } = await load(true);
  expect(errors).toEqual({});
  expect(servers.web2).toBeGreaterThan(0);
});

it("removes it under load, and one with connections only by force", async () => {
  const fresh = load(true);
  using held = await heldBy("web2");
  const refused = await rig.verb("server", "remove", "web/web2");
  expect([refused.code, refused.output]).toEqual([
    7,
    expect.stringMatching(/has \d+ connections?/),
  ]);
  const cleared = await rig.verb("overrides", "--all");
  expect([cleared.code, cleared.output]).toEqual([
    7,
    expect.stringMatching(/has \d+ connections?/),
  ]);
  expect(await held.ask()).toBe("web2");
  await rig.lintel.patchServer("web", "web2", { state: "drain" });
  await eventually(
    "all but one have ended",
    async () => (await rig.lintel.server("web2")).connections.active === 1,
  );
  expect((await rig.verb("server", "remove", "web/web2", "--force")).code).toBe(0);
  expect((await held.end()).how).toBe("ECONNRESET");
  expect((await rig.lintel.ask("GET", SERVER)).status).toBe(404);
  expect((await fresh).errors).toEqual({});
  expect(await rig.lintel.json("GET", "/v1/overrides")).toMatchObject({ items: [] });
});

it("goes when what differs from the file is cleared", async () => {
  expect((await rig.lintel.ask("PUT", SERVER, { address: "172.16.0.22:80" })).status).toBe(201);
  await usable();
  await rig.lintel.patchServer("web", "web2", { weight: 7 });
  const { code, stdout } = await rig.verb("overrides", "--clear", "web/web2");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^web\/web2: server is as in the file again/m),
  ]);
  expect((await rig.lintel.ask("GET", SERVER)).status).toBe(404);
  expect(await rig.lintel.json("GET", "/v1/overrides")).toMatchObject({ items: [] });
  expect((await load(true)).servers).toEqual({ web1: expect.any(Number) });
});

it("gives way to the file where that has the server", async () => {
  expect((await rig.lintel.ask("PUT", SERVER, { address: "172.16.0.22:80" })).status).toBe(201);
  rig.write(BOTH);
  const { code, stdout } = await rig.verb("reload");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/the file has this server now/)]);
  expect(await rig.lintel.server("web2")).toMatchObject({ weight: { configured: 9 } });
  const refused = await rig.verb("server", "remove", "web/web2");
  expect([refused.code, refused.output]).toEqual([7, expect.stringMatching(/the file defines/)]);
  const again = await rig.verb("server", "add", "web/web2", "172.16.0.22:80");
  expect([again.code, again.output]).toEqual([7, expect.stringMatching(/the file/)]);
});

function load(close: boolean) {
  return wrk(rig.client, "http://172.16.0.2/", { connections: 8, seconds: 4, close, pauseMs: 2 });
}

async function usable(): Promise<void> {
  await eventually(
    "web2 is up",
    async () => (await rig.lintel.server("web2")).health.state === "up",
  );
}

/** A connection that has come to a server. */
async function heldBy(server: string): Promise<HeldConnection> {
  for (;;) {
    const held = await HeldConnection.open(rig.client, "172.16.0.2", 80);
    if (await held.ask() === server) return held;
    held[Symbol.dispose]();
  }
}
