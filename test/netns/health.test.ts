/**
 * The product and servers that go and come: what becomes of their connections, how they get their
 * share back, what clients' own connections say of them, and where all that can be read.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { HeldConnection } from "./held_connection.ts";
import { Nginx } from "./nginx.ts";
import { Lintel, product } from "./product.ts";

/** Servers are up while a file of their name exists. */
const config = (folder: string) => `
workers: 1
frontends:
  cutting: { listen: "172.16.0.2:80", backend: cutting }
  keeping: { listen: "172.16.0.2:81", backend: keeping }
  lying: { listen: "172.16.0.2:82", backend: lying }
backends:
  cutting:
    check:
      type: script
      command: [/bin/sh, -c, "test -e ${folder}/$LINTEL_SERVER || ! echo $LINTEL_SERVER is off"]
      interval: 200ms
      timeout: 10s
      rise: 1
      fall: 1
    onMarkedDown: shutdown-connections
    slowStart: 6s
    servers: { web1: "172.16.0.21:80", web2: "172.16.0.22:80" }
  keeping:
    check:
      type: script
      command: [/bin/sh, -c, "test -e ${folder}/$LINTEL_SERVER"]
      interval: 200ms
      timeout: 10s
      rise: 1
      fall: 1
    servers: { web1: "172.16.0.21:80", web2: "172.16.0.22:80" }
  lying:
    check: { type: tcp, port: 80, interval: 60s, fastInterval: 60s }
    passive: { errorLimit: 3, action: mark-down }
    servers: { web1: "172.16.0.21:80", web2: "172.16.0.22:9" }
`;

let lab: Lab;
let client: Host;
let lintel: Lintel;
let folder = "";

beforeAll(async () => {
  const command = await product();
  folder = await Deno.makeTempDir({ prefix: "lintel-health-" });
  for (const name of ["web1", "web2"]) await Deno.writeTextFile(`${folder}/${name}`, "");
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  const balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  for (const at of [1, 2]) {
    await Nginx.start(lab.host(`web${at}`, { addresses: [`172.16.0.2${at}/24`] }));
  }
  lintel = new Lintel(balancer, command, config(folder));
  await lintel.ready();
  await eventually(
    "all servers are up",
    async () =>
      (await Promise.all(["cutting", "keeping", "lying"].map((name) => lintel.backend(name))))
        .every(({ usableServers }) => usableServers === 2),
  );
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  if (folder) await Deno.remove(folder, { recursive: true });
});

/** A held connection to each of the two servers. */
async function connections(port: number): Promise<Map<string, HeldConnection>> {
  const held = new Map<string, HeldConnection>();
  await eventually("both servers are reached", async () => {
    const one = await HeldConnection.open(client, "172.16.0.2", port);
    const server = await one.ask();
    held.get(server)?.[Symbol.dispose]();
    held.set(server, one);
    return held.size === 2;
  });
  return held;
}

describe("a server that goes and comes", () => {
  it("loses its connections where the backend says so, and gets its share by and by", async () => {
    const cutting = await connections(80);
    const keeping = await connections(81);
    expect((await lintel.server("web1", "cutting")).weight.effective).toBe(100);

    await Deno.remove(`${folder}/web1`);
    expect((await cutting.get("web1")?.end())?.how).toBe("ECONNRESET");
    await eventually(
      "it is down",
      async () => (await lintel.server("web1", "keeping")).health.state === "down",
    );
    expect(await cutting.get("web2")?.ask()).toBe("web2");
    expect(await keeping.get("web1")?.ask()).toBe("web1");

    const verbose = await (await lintel.ask("GET", "/readyz?verbose")).text();
    expect(verbose).toMatch(/^ok\n/);
    expect(verbose).toMatch(/^server cutting\/web1: ready, down since .*, PROCERR in /m);
    expect(verbose).toMatch(/^ {2}last failure .*: PROCERR\n {2}\| web1 is off$/m);

    await Deno.writeTextFile(`${folder}/web1`, "");
    // It is up a moment before its share begins to count.
    const hasShare = (most: boolean) => async () => {
      const { health, weight } = await lintel.server("web1", "cutting");
      return health.state === "up" && (weight.effective === 100) === most;
    };
    const patience = { everyMs: 100, deadlineMs: 30_000 };
    await eventually("it is up with some of its weight", hasShare(false), patience);
    await eventually("it has all of its weight", hasShare(true), patience);
    expect((await lintel.server("web1", "keeping")).weight.effective).toBe(100);
    for (const one of [...cutting.values(), ...keeping.values()]) one[Symbol.dispose]();
  });

  it("is found out by the connections of clients, who notice nothing", async () => {
    await eventually("it is marked down", async () => {
      using one = await HeldConnection.open(client, "172.16.0.2", 82);
      expect(await one.ask()).toBe("web1");
      return (await lintel.server("web2", "lying")).health.state === "down";
    });
    expect((await lintel.server("web2", "lying")).health).toMatchObject({
      code: "L4OK",
      failureCode: "PASSIVE",
      failure: expect.stringMatching(/^\d+ connections in a row failed$/),
    });
    expect((await lintel.server("web1", "lying")).health.state).toBe("up");
  });
});
