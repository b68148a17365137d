/**
 * Peers that vanish without a word while their connections are idle, as hosts do that lose their
 * power: they are found out in time, and those that are merely quiet stay.
 */

import { afterEach, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { EAGAIN } from "../../src/linux/errno.ts";
import { Peer, PeerListener } from "./dataplane_peer.ts";
import { ENGINES } from "./dataplane_rig.ts";
import { Lintel, product } from "./product.ts";

const LB = "172.16.0.2";
/** The kernel probes after a second of silence, and gives up two probes later. */
const config = (engine: string) => `
engine: ${engine}
workers: 1
frontends:
  probed: { listen: "${LB}:80", backend: probed }
  timed: { listen: "${LB}:81", backend: timed }
  vanishing: { listen: "${LB}:82", backend: vanishing }
backends:
  probed:
    check: none
    keepalive: { idle: 1s, interval: 1s, probes: 2 }
    servers: { web: "172.16.0.21:80" }
  timed:
    check: none
    keepalive: { idle: 1h, userTimeout: 2s }
    servers: { web: "172.16.0.21:81" }
  vanishing:
    check: none
    timeouts: { connect: 1s }
    keepalive: { idle: 1s, interval: 1s, probes: 2 }
    servers: { gone: "172.16.0.22:82" }
`;

const opened: Disposable[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one[Symbol.dispose]();
});

it.each(ENGINES)(
  "peers that are gone are found out in seconds; quiet ones stay: %s",
  async (engine) => {
    const command = await product();
    await using lab = Lab.create();
    const lb = lab.host("lb", { addresses: [`${LB}/24`] });
    const lintel = new Lintel(lb, command, config(engine));
    await lintel.ready();
    const living = lab.host("living", { addresses: ["172.16.0.100/24"] });
    const silent = lab.host("silent", { addresses: ["172.16.0.101/24"] });
    const web = lab.host("web", { addresses: ["172.16.0.21/24"] });
    const gone = lab.host("gone", { addresses: ["172.16.0.22/24"] });
    const probed = listen(web, "172.16.0.21", 80);
    const timed = listen(web, "172.16.0.21", 81);
    const vanishing = listen(gone, "172.16.0.22", 82);
    const quiet = await relayed(living, probed);
    const idle = await relayed(silent, probed);
    const busy = await relayed(silent, timed);
    const left = await relayed(living, vanishing);

    await Promise.all([silence(silent), silence(gone)]);
    const since = performance.now();
    await busy.server.sendAll("never acknowledged");
    const found = await Promise.all(
      [idle.server, busy.server, left.client].map(async (peer) => {
        await ended(peer);
        return performance.now() - since;
      }),
    );
    // With the defaults of the kernel or of ours it would be minutes, or hours.
    for (const tookMs of found) expect(tookMs).toBeGreaterThan(900);
    for (const tookMs of found) expect(tookMs).toBeLessThan(15_000);

    await quiet.client.sendAll("here");
    expect(await quiet.server.next()).toBe(4);
    await quiet.server.sendAll("here too");
    expect(await quiet.client.next()).toBe(8);
    const counts = ["probed", "timed"].map(async (backend) =>
      (await lintel.server("web", backend)).connections.active
    );
    expect(await Promise.all(counts)).toEqual([1, 0]);
  },
);

function listen(host: Host, address: string, port: number): PeerListener {
  const listener = host.inside(() => new PeerListener(address, port));
  opened.push(listener);
  return listener;
}

/** Both ends of a connection that a byte has gone through each way. */
async function relayed(host: Host, listener: PeerListener) {
  const client = host.inside(() => Peer.dial(listener.port, undefined, LB));
  const server = await listener.next();
  opened.push(client, server);
  await client.sendAll("?");
  expect(await server.next()).toBe(1);
  await server.sendAll("!");
  expect(await client.next()).toBe(1);
  return { client, server };
}

/** Nothing leaves the host any more, and nothing arrives. */
async function silence(host: Host): Promise<void> {
  const file = host.write(
    "silence.nft",
    `table inet silence {
      chain in { type filter hook input priority 0; policy drop; }
      chain out { type filter hook output priority 0; policy drop; }
    }`,
  );
  await host.run(["nft", "-f", file]);
}

async function ended(peer: Peer): Promise<void> {
  await eventually("the connection ends", () => peer.peek() !== -EAGAIN, { deadlineMs: 20_000 });
}
