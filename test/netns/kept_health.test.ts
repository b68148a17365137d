/**
 * What checks have said of servers, over `kill -9` under load: who was up is used at once, who was
 * down is not.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { Nginx } from "./nginx.ts";
import { ProbeClient } from "./probe_client.ts";
import { COMMON, Lintel, product } from "./product.ts";

/** A check ends as a file of the server's name says, or not at all. */
const config = (folder: string) =>
  `${COMMON}workers: 1
frontends: { web: { listen: "172.16.0.2:80", backend: web } }
backends:
  web:
    check:
      type: script
      command:
        - /bin/sh
        - -c
        - 'case $(cat ${folder}/$LINTEL_SERVER) in up) ;; hang) sleep 60 ;; *) exit 1 ;; esac'
      interval: 200ms
      timeout: 60s
    servers: { web1: "172.16.0.21:80", web2: "172.16.0.22:80" }
`;

let lab: Lab;
let balancer: Host;
let client: Host;
let command: readonly string[];
let folder = "";

beforeAll(async () => {
  command = await product();
  folder = await Deno.makeTempDir({ prefix: "lintel-kept-health-" });
  lab = Lab.create();
  client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
  for (const at of [1, 2]) {
    await Nginx.start(lab.host(`web${at}`, { addresses: [`172.16.0.2${at}/24`] }));
  }
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  if (folder) await Deno.remove(folder, { recursive: true });
});

async function say(server: string, word: "up" | "down" | "hang"): Promise<void> {
  // In one piece: a check may read it at any moment.
  await Deno.writeTextFile(`${folder}/${server}.new`, word);
  await Deno.rename(`${folder}/${server}.new`, `${folder}/${server}`);
}

async function healths(lintel: Lintel): Promise<string> {
  const { servers } = await lintel.backend();
  return servers.map(({ health }) => health.state).join();
}

describe("what checks have said", () => {
  it("holds after kill -9 under load, and is damaged without harm", async () => {
    await say("web1", "up");
    await say("web2", "down");
    const first = new Lintel(balancer, command, config(folder));
    await first.ready();
    await eventually("checks have ended", async () => await healths(first) === "up,down");
    const load = new ProbeClient(client, "172.16.0.2:80", { everyMs: 5 });
    await load.answered();
    const { health } = await first.server("web2");

    // Checks that are asked from now on answer nothing: all that is known comes from the disk.
    for (const server of ["web1", "web2"]) await say(server, "hang");
    first.process.kill("SIGKILL");
    await first.process.status;
    const killedAt = monotonicMs();
    const second = new Lintel(balancer, command, config(folder));
    await second.ready();
    await eventually("web1 answers", () => load.reachedSince("web1", killedAt));
    expect(await healths(second)).toBe("up,down");
    const after = (await second.server("web2")).health;
    expect(after.code).toBe(health.code);
    const instant = (changedAt: string | null) => Date.parse(changedAt ?? "");
    expect(Math.abs(instant(after.changedAt) - instant(health.changedAt))).toBeLessThan(500);
    expect((await load.since(killedAt)).servers).not.toHaveProperty("web2");
    expect(load.reachedSince("web2", killedAt)).toBe(false);
    await load.stop();
    await second.process.stop();

    const journal = `${balancer.directory}/health.journal`;
    await Deno.writeTextFile(journal, "\u0000 nonsense");
    const third = new Lintel(balancer, command, config(folder));
    await eventually("it runs", () => third.process.output.includes("health.journal was damaged"));
    await eventually("it answers", async () => {
      return await healths(third).catch(() => "") === "unchecked,unchecked";
    });
    for (const server of ["web1", "web2"]) await say(server, "up");
    await third.process.stop();
  });
});
