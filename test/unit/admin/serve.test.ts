import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CannotListen, serveAdmin } from "../../../src/admin/serve.ts";
import type { AdminPlan } from "../../../src/core/plan/admin_plan.ts";
import { freePort } from "../free_port.ts";
import { FakeAppliance, makeEvent } from "./fake_appliance.ts";

let directory: string;
let stops: (() => unknown)[];

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-admin-" });
  stops = [() => Deno.removeSync(directory, { recursive: true })];
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
});

function plan(changes: Partial<AdminPlan> = {}): AdminPlan {
  return {
    socket: `${directory}/run/admin.sock`,
    socketGroup: String(Deno.gid()),
    listen: null,
    tokens: [],
    probes: null,
    tls: null,
    ...changes,
  };
}

async function serve(admin: AdminPlan) {
  const server = await serveAdmin(new FakeAppliance(), admin, () => {});
  stops.push(() => server.stop());
  return server;
}

async function ask(path: string, url: string, init: RequestInit = {}) {
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  try {
    const response = await fetch(`http://lintel${url}`, { ...init, client });
    return { status: response.status, body: await response.json() };
  } finally {
    client.close();
  }
}

describe("the unix socket", () => {
  it("answers, is 0660, and is gone after stop", async () => {
    const admin = plan();
    const server = await serve(admin);
    expect((Deno.statSync(admin.socket).mode ?? 0) & 0o777).toBe(0o660);
    expect((await ask(admin.socket, "/v1/status")).body.node).toBe("lb1");
    const change = await ask(admin.socket, "/v1/backends/masters/servers/master1", {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: '{"state":"maint"}',
    });
    expect(change).toMatchObject({ status: 200, body: { admin: "maint" } });
    await server.stop();
    expect(() => Deno.statSync(admin.socket)).toThrow(Deno.errors.NotFound);
  });

  it.each([
    ["of a length", "Content-Length: 100\r\n\r\n{"],
    ["of unknown length", "Transfer-Encoding: chunked\r\n\r\n5\r\n{"],
  ])("does not blame itself for a body %s that breaks off", async (_, body) => {
    const admin = plan();
    const faults: unknown[] = [];
    const appliance = new FakeAppliance();
    const server = await serveAdmin(appliance, admin, (error) => faults.push(error));
    stops.push(() => server.stop());
    const head = "PUT /v1/standby HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    const caller = await Deno.connect({ transport: "unix", path: admin.socket });
    await caller.write(new TextEncoder().encode(head + body));
    // It has been seen when somebody who came later has been answered.
    expect((await ask(admin.socket, "/v1/status")).status).toBe(200);
    caller.close();
    await server.stop();
    expect(faults).toEqual([]);
    expect(appliance.standbys).toEqual([]);
  });

  it("breaks off a kill when whoever asked for it goes", async () => {
    const admin = plan();
    const appliance = new FakeAppliance();
    const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>();
    const { promise: brokenOff, resolve: noteBrokenOff } = Promise.withResolvers<void>();
    appliance.killConnections = async (_, { perSecond, signal }) => {
      signal?.addEventListener("abort", () => noteBrokenOff());
      noteAsked();
      await brokenOff;
      return { matched: 10_000, killed: 1, perSecond };
    };
    const server = await serveAdmin(appliance, admin, () => {});
    stops.push(() => server.stop());
    const caller = await Deno.connect({ transport: "unix", path: admin.socket });
    const request = "DELETE /v1/connections?all=true HTTP/1.1\r\nHost: a\r\n\r\n";
    await caller.write(new TextEncoder().encode(request));
    await asked;
    caller.close();
    await brokenOff;
  });

  it("leaves the process's umask as it was", async () => {
    const before = Deno.umask();
    await serve(plan());
    expect(Deno.umask()).toBe(before);
  });

  it("takes the place of a socket on which nobody answers", async () => {
    const admin = plan();
    Deno.mkdirSync(`${directory}/run`);
    const stale = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "Deno.listen({transport:'unix',path:Deno.args[0]});Deno.kill(Deno.pid,'SIGKILL')",
        admin.socket,
      ],
    });
    await stale.output();
    expect(Deno.lstatSync(admin.socket).isSocket).toBe(true);
    await serve(admin);
    expect((await ask(admin.socket, "/v1/status")).status).toBe(200);
  });

  it("refuses to take it from a running appliance, and names that", async () => {
    const admin = plan();
    await serve(admin);
    const second = serveAdmin(new FakeAppliance(), admin, () => {});
    await expect(second).rejects.toThrow(CannotListen);
    await expect(second).rejects.toThrow(/node lb1, process 4242.*stop it/);
    expect((await ask(admin.socket, "/v1/status")).status).toBe(200);
  });

  it("refuses to remove what is no socket", async () => {
    const admin = plan();
    Deno.mkdirSync(`${directory}/run`);
    Deno.writeTextFileSync(admin.socket, "precious");
    await expect(serve(admin)).rejects.toThrow(/no socket stands there/);
    expect(Deno.readTextFileSync(admin.socket)).toBe("precious");
  });

  it("refuses a group that does not exist", async () => {
    await expect(serve(plan({ socketGroup: "no-such-group" }))).rejects.toThrow(
      /admin.socketGroup: no group "no-such-group"/,
    );
  });
});

describe("TCP", () => {
  it("lets viewers in on loopback, token bearers everywhere", async () => {
    const open = plan({ listen: { address: "127.0.0.1", port: freePort() } });
    await serve(open);
    const url = `http://127.0.0.1:${open.listen?.port}/v1/status`;
    const response = await fetch(url);
    expect((await response.json()).node).toBe("lb1");
  });

  it("asks for tokens where there are some", async () => {
    const secretHash = createHash("sha256").update("s3cret").digest("hex");
    const admin = plan({
      listen: { address: "127.0.0.1", port: freePort() },
      tokens: [{ name: "ops", role: "viewer", secretHash }],
    });
    await serve(admin);
    const url = `http://127.0.0.1:${admin.listen?.port}/v1/status`;
    const status = async (init: RequestInit) => {
      const response = await fetch(url, init);
      await response.body?.cancel();
      return response.status;
    };
    expect(await status({})).toBe(401);
    expect(await status({ headers: { authorization: "Bearer s3cret" } })).toBe(200);
  });

  it.each(FOLLOWED)("ends what is followed when the callers change: %s", async (path) => {
    const { admin, server, follow } = await followable();
    const follower = await follow(path);
    await server.apply({ ...admin, tokens: [] });
    await follower.toTheEnd();
  });

  it.each(FOLLOWED)("ends what is followed when it stops: %s", async (path) => {
    const { server, follow } = await followable();
    const follower = await follow(path);
    await server.stop();
    await follower.toTheEnd();
  });

  it("leaves followers alone where the same callers are let in", async () => {
    const { admin, appliance, server, follow } = await followable();
    const follower = await follow("/v1/events");
    await server.apply({ ...admin, probes: { address: "127.0.0.1", port: freePort() } });
    appliance.happens(makeEvent(8));
    expect(await follower.next()).toContain("id: 8");
  });

  it("serves the probes on every address", async () => {
    const admin = plan({ probes: { address: "*", port: freePort() } });
    await serve(admin);
    const response = await fetch(`http://127.0.0.1:${admin.probes?.port}/livez`);
    expect(await response.text()).toBe("ok\n");
  });

  it.each(["probes", "listen"] as const)("bounds the descriptors that %s takes", async (key) => {
    const port = freePort();
    await serve(plan({ [key]: { address: "127.0.0.1", port } }));
    const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = descriptors();
    const strangers: Deno.Conn[] = [];
    for (let stranger = 0; stranger < 200; stranger++) {
      strangers.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    }
    stops.push(() => strangers.forEach((one) => one.close()));
    // The last ones have been closed: 64 are held, and a few may be of this test's surroundings.
    expect(await strangers.at(-1)?.read(new Uint8Array(1)).catch(() => null)).toBe(null);
    expect(descriptors() - before - strangers.length).toBeLessThan(64 + 20);
    for (const stranger of strangers.splice(0)) stranger.close();
    await expect.poll(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined);
      return await response?.text();
    }).toBe("ok\n");
  });

  it("names an address that is not on this host", async () => {
    await expect(serve(plan({ probes: { address: "192.0.2.1", port: freePort() } }))).rejects
      .toThrow(/^admin.probes 192.0.2.1:\d+: .* \(the address is not on this host\)$/);
  });

  it("names a port in use, and gives the socket back", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    stops.push(() => listener.close());
    const { port } = listener.addr;
    const admin = plan({ listen: { address: "127.0.0.1", port } });
    await expect(serve(admin)).rejects.toThrow(
      new RegExp(`admin.listen 127.0.0.1:${port}: .*another program listens there`),
    );
    expect(() => Deno.statSync(admin.socket)).toThrow(Deno.errors.NotFound);
  });
});

const FOLLOWED = ["/v1/events", "/v1/status", "/v1/backends/masters/servers/master1"];

/** A listener that lets in a token, and a way to follow something there. */
async function followable() {
  const secretHash = createHash("sha256").update("s3cret").digest("hex");
  const port = freePort();
  const admin = plan({
    listen: { address: "127.0.0.1", port },
    tokens: [{ name: "ops", role: "viewer", secretHash }],
  });
  const appliance = new FakeAppliance();
  appliance.happens(makeEvent(7));
  const server = await serveAdmin(appliance, admin, () => {});
  stops.push(() => server.stop());
  const follow = async (path: string) => {
    const abort = new AbortController();
    stops.push(() => abort.abort());
    const headers = { authorization: "Bearer s3cret", accept: "text/event-stream" };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers,
      signal: abort.signal,
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const next = async () => (await reader.read()).value;
    expect(await next()).toContain("data: ");
    const toTheEnd = async () => {
      while (!(await reader.read()).done);
    };
    return { next, toTheEnd };
  };
  return { admin, appliance, server, follow };
}
