import { afterEach, expect, it } from "vitest";
import { serveAdmin } from "../../../src/admin/serve.ts";
import { localPeer } from "../../../src/appliance/local_peer.ts";
import { FakeAppliance } from "../admin/fake_appliance.ts";

const USERS = "root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000::/home/ops:/bin/sh\n";

const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** What a change says that this process makes over the socket of an appliance. */
async function said(users: string): Promise<string> {
  const directory = Deno.makeTempDirSync({ prefix: "lintel-peer-" });
  stops.push(() => Deno.removeSync(directory, { recursive: true }));
  const socket = `${directory}/admin.sock`;
  const plan = {
    ...{ socket, socketGroup: String(Deno.gid()), listen: null, tokens: [], probes: null },
    tls: null,
  };
  const peer = (descriptor: number) => localPeer(descriptor, () => users);
  const server = await serveAdmin(new FakeAppliance(), plan, () => {}, peer);
  stops.push(() => server.stop());
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const response = await fetch("http://lintel/v1/backends/masters/servers/master1", {
    method: "PATCH",
    headers: { "content-type": "application/merge-patch+json" },
    body: '{"state":"drain"}',
    client,
  });
  return (await response.json()).override.by;
}

it("a change over the socket names the user and the process", async () => {
  const name = USERS.split("\n").map((line) => line.split(":"))
    .find(([, , uid]) => uid === String(Deno.uid()))?.[0];
  expect(await said(`${USERS}me:x:${Deno.uid()}:::\n`))
    .toBe(`${name ?? "me"} (uid ${Deno.uid()}, pid ${Deno.pid})`);
});

it("a user without a name has the number", async () => {
  expect(await said("")).toBe(`uid ${Deno.uid()}, pid ${Deno.pid}`);
});

it("nobody is known behind what is no socket", () => {
  expect(localPeer(0xffff, () => USERS)).toBeUndefined();
});
