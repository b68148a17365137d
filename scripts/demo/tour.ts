/**
 * The tour: what happens to the pair, one phase after the other, and what must not be lost in it.
 */

import { monotonicMs } from "../../src/linux/clock.ts";
import type { Lab } from "../lab/lab.ts";
import { delay, eventually } from "../lab/wait.ts";
import { Client, clientOf, type Traffic } from "./client.ts";
import { BACKEND, CHECK, NODES, Rig, SERVERS, VIP, VRRP } from "./rig.ts";
import type { DemoEvent, Screen } from "./screen.ts";

/** Runs the phases, and keeps account. */
export class Tour implements Disposable {
  /** What was lost that should not have been. */
  readonly lost: string[] = [];
  readonly #screen: Screen;
  readonly #rig: Rig;
  readonly #client: Client;
  #ticker: ReturnType<typeof setInterval> | undefined;

  constructor(lab: Lab, lintel: readonly string[], screen: Screen) {
    this.#screen = screen;
    this.#rig = new Rig(lab, lintel);
    this.#client = new Client(this.#rig.client, "request", REQUEST_EVERY_MS);
  }

  /** All phases. */
  async run(): Promise<void> {
    await this.#start();
    await this.#flow();
    await this.#drain("web1");
    await this.#killServer("web2");
    await this.#takeOver("lb1", "lb2");
    await this.#giveBack("lb1", "lb2");
    this.#summary();
  }

  /** Goes on for ever, showing how it is and where to ask for more. */
  async stay(): Promise<never> {
    for (const node of NODES) {
      const { socket } = this.#rig.appliance(node);
      const command = `${this.#rig.lintel.join(" ")} status --admin unix:${socket}`;
      this.#screen.tell({ event: "admin", node, socket, command }, `${node}: ${command}`);
    }
    this.#screen.tell({ event: "staying" }, "all of it stays until Ctrl-C", "title");
    for (;;) {
      await delay(1_000);
      this.#rig.check();
    }
  }

  /** What lintel last said on the nodes it was started on, for when something went wrong. */
  logs(): string {
    return this.#rig.logs();
  }

  /** Ends the live line. */
  [Symbol.dispose](): void {
    clearInterval(this.#ticker);
  }

  async #start(): Promise<void> {
    this.#screen.tell(
      { event: "begin", phase: "start" },
      `a client, ${NODES.join(" and ")}, ${SERVERS.join(", ")} on one LAN`,
      "title",
    );
    await Promise.all(SERVERS.map((name) => this.#rig.startServer(name)));
    const startedAt = monotonicMs();
    await Promise.all(NODES.map((name) => this.#rig.startNode(name).ready()));
    const afterMs = monotonicMs() - startedAt;
    this.#tell({ event: "ready", afterMs }, `both nodes are ready after ${inText(afterMs)} s`);
    const deadlineMs = activeDownMs(VRRP.active) + MARGIN_MS;
    await eventually("lb1 holds the VIP", () => this.#rig.holders().join() === "lb1", {
      deadlineMs,
    });
    this.#tell({ event: "active", node: "lb1" }, `lb1 is Active and holds ${VIP}`);
    await this.#client.start();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  async #flow(): Promise<void> {
    const end = this.#phase("flow", `a new connection to the VIP every ${REQUEST_EVERY_MS} ms`);
    await delay(3_000);
    const { failed, servers } = await end();
    this.#require(failed === 0, `${failed} requests failed while nothing happened`);
    for (const server of SERVERS) {
      this.#require((servers[server] ?? 0) > 0, `${server} got no request`);
    }
  }

  async #drain(server: string): Promise<void> {
    const end = this.#phase("drain", `${server} is drained over the admin API`);
    const held = await clientOf(this.#rig.client, server);
    await this.#patch(server, { state: "drain", reason: "demo" });
    const answeredAt = monotonicMs();
    const request = `PATCH /v1/backends/${BACKEND}/servers/${server} {"state":"drain"}`;
    this.#tell({ event: "drained", server }, `answered: ${request}`);
    await delay(3_000);
    const isSpared = !this.#client.reachedSince(server, answeredAt);
    this.#require(isSpared, `${server} got a new connection after it was drained`);
    if (isSpared) this.#tell({ event: "spared", server }, `no new connection to ${server} since`);
    const kept = held.traffic(answeredAt);
    const isKept = kept.failed === 0 && kept.servers[server] === kept.answered;
    this.#require(isKept, `the connection that ${server} had was cut by the drain`);
    if (isKept) {
      const figures = { event: "kept", server, requests: kept.answered };
      this.#tell(figures, `the connection it had was kept, with ${kept.answered} requests since`);
    }
    await held.stop();
    await this.#patch(server, { state: null });
    const readyAt = monotonicMs();
    await eventually(`${server} gets requests again`, () => {
      return this.#client.reachedSince(server, readyAt);
    }, { deadlineMs: 5_000 });
    this.#tell({ event: "undrained", server }, `${server} is ready again, and gets requests`);
    const { failed } = await end();
    this.#require(failed === 0, `${failed} requests failed during the drain`);
  }

  async #killServer(server: string): Promise<void> {
    const end = this.#phase("kill", `${server} gets SIGKILL`);
    const killedAt = monotonicMs();
    this.#rig.killServer(server);
    await this.#awaitHealth(server, "down");
    const foundAt = monotonicMs();
    const afterMs = foundAt - killedAt;
    const text = `found down after ${inText(afterMs)} s`;
    this.#tell({ event: "down", server, afterMs }, text);
    const boundMs = CHECK.intervalMs * (CHECK.fall + 1) + MARGIN_MS;
    this.#require(afterMs <= boundMs, `${server} was found down later than ${boundMs} ms`);
    await delay(2_000);
    // Connections to it that were open in the moment of the kill had to fail.
    const { failed } = this.#client.traffic(foundAt + SETTLING_MS);
    this.#require(failed === 0, `${failed} requests failed after ${server} was found down`);
    await this.#rig.startServer(server);
    await this.#awaitHealth(server, "up");
    this.#tell({ event: "up", server }, `${server} is started again, and found up`);
    await end();
  }

  async #takeOver(active: string, backup: string): Promise<void> {
    const end = this.#phase("takeover", `lintel on ${active} gets SIGKILL`);
    const killedAt = monotonicMs();
    this.#rig.appliance(active).process.kill("SIGKILL");
    const [movedMs, goneMs] = await Promise.all([
      this.#awaitHolder(backup, true, killedAt).then((afterMs) => this.#tellMoved(backup, afterMs)),
      this.#awaitHolder(active, false, killedAt).then((afterMs) => {
        const text = `the kernel of ${active} dropped ${VIP} after ${inText(afterMs)} s`;
        this.#tell({ event: "dropped", node: active, afterMs }, text);
        return afterMs;
      }),
    ]);
    const late = `${active} held the VIP for more than ${VRRP.deadmanMs} ms`;
    this.#require(goneMs <= VRRP.deadmanMs, late);
    const boundMs = activeDownMs(VRRP.backup) + MARGIN_MS;
    this.#require(movedMs <= boundMs, `the VIP moved later than ${boundMs} ms`);
    await delay(2_200);
    const { longestGapMs } = await end();
    this.#requireGap(longestGapMs, boundMs);
  }

  async #giveBack(active: string, backup: string): Promise<void> {
    const end = this.#phase("return", `lintel on ${active} is started again`);
    const startedAt = monotonicMs();
    await this.#rig.startNode(active).ready();
    const movedMs = await this.#awaitHolder(active, true, startedAt);
    await this.#awaitHolder(backup, false, startedAt);
    this.#tellMoved(active, movedMs);
    await delay(1_500);
    const { longestGapMs } = await end();
    this.#requireGap(longestGapMs, RETURN_GAP_MS);
  }

  #summary(): void {
    const { lost } = this;
    const passed = lost.length === 0;
    const text = passed ? "nothing was lost that should not have been" : `lost: ${lost.join("; ")}`;
    this.#screen.tell({ event: "summary", passed, lost }, text, passed ? "good" : "bad");
  }

  /** Begins a phase; what it returns ends it, and tells what the client saw in it. */
  #phase(name: string, text: string): () => Promise<Traffic> {
    this.#screen.tell({ event: "begin", phase: name }, text, "title");
    const startedAt = monotonicMs();
    return async () => {
      const endedAt = monotonicMs();
      await eventually("the client's report", () => (this.#client.latest?.at ?? 0) > endedAt);
      const traffic = this.#client.traffic(startedAt);
      this.#screen.tell({ event: "phase", phase: name, ...traffic }, describe(traffic), "faint");
      return traffic;
    };
  }

  #tell(event: DemoEvent, text: string): void {
    this.#screen.tell(event, text, "good");
  }

  #tellMoved(node: string, afterMs: number): number {
    const event = { event: "moved", node, afterMs };
    this.#tell(event, `${node} is Active and took ${VIP} over after ${inText(afterMs)} s`);
    return afterMs;
  }

  /** Tells of a loss unless all is as it should be. */
  #require(holds: boolean, loss: string): void {
    if (holds) return;
    this.lost.push(loss);
    this.#screen.tell({ event: "lost", loss }, loss, "bad");
  }

  #requireGap(longestGapMs: number, boundMs: number): void {
    const loss = `the client was without an answer for more than ${boundMs} ms`;
    this.#require(longestGapMs <= boundMs, loss);
    const isServed = (this.#client.latest?.answered ?? 0) > 0;
    this.#require(isServed, "the client is no longer answered");
  }

  async #patch(server: string, patch: object): Promise<void> {
    // Each node has been told by itself: what one says holds for that node.
    await Promise.all(NODES.map((node) => {
      return this.#rig.appliance(node).patchServer(BACKEND, server, patch);
    }));
  }

  async #awaitHealth(server: string, health: string): Promise<void> {
    const node = this.#rig.appliance("lb1");
    await eventually(`lb1 finds ${server} ${health}`, async () => {
      return await node.health(BACKEND, server) === health;
    }, { everyMs: 10 });
  }

  /** Milliseconds from `since` until `node` holds the VIP, or no longer does. */
  async #awaitHolder(node: string, holds: boolean, since: number): Promise<number> {
    await eventually(`${node} ${holds ? "holds" : "has let go of"} the VIP`, () => {
      return this.#rig.holders().includes(node) === holds;
    }, { everyMs: 5 });
    return monotonicMs() - since;
  }

  #tick(): void {
    const { answered, servers, longestGapMs } = this.#client.traffic(monotonicMs() - 1_000);
    const holders = this.#rig.holders();
    const event = { event: "live", requests: answered, longestGapMs, servers, holders };
    const holder = `VIP ${holders.join("+") || "---"}`;
    const rate = `${String(answered).padStart(3)}/s`;
    const shares = SERVERS.map((name) => `${name} ${bar(servers[name] ?? 0)}`);
    const gap = `gap ${String(Math.round(longestGapMs)).padStart(4)} ms`;
    this.#screen.live(event, [holder, rate, ...shares, gap].join("  "));
  }
}

/** RFC 9568, section 6.1: how long a Backup waits for advertisements. */
function activeDownMs(priority: number): number {
  return VRRP.intervalMs * (3 + (256 - priority) / 256);
}

function describe({ answered, failed, failures, longestGapMs, servers }: Traffic): string {
  const reasons = Object.entries(failures).map(([reason, count]) => `${count} ${reason}`);
  const failed_ = failed === 0 ? "none failed" : `${failed} failed (${reasons.join(", ")})`;
  const shares = SERVERS.map((name) => `${name} ${servers[name] ?? 0}`).join(", ");
  const gap = `longest gap ${longestGapMs.toFixed(longestGapMs < 10 ? 1 : 0)} ms`;
  return `${answered} requests answered, ${failed_}, ${gap}; ${shares}`;
}

/** In seconds. */
function inText(ms: number): string {
  return (ms / 1_000).toFixed(2);
}

/** A bar for so many requests in a second. */
function bar(count: number): string {
  const filled = Math.min(BAR_CELLS, Math.round(count / REQUESTS_PER_CELL));
  return "█".repeat(filled) + "·".repeat(BAR_CELLS - filled);
}

const REQUEST_EVERY_MS = 4;
const SETTLING_MS = 500;
const TICK_MS = 100;
/** What a slow machine may take on top. */
const MARGIN_MS = 1_000;
const RETURN_GAP_MS = 1_000;
const BAR_CELLS = 7;
const REQUESTS_PER_CELL = 1_000 / REQUEST_EVERY_MS / 2 / BAR_CELLS;
