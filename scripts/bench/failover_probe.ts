/**
 * What a client of a virtual address sees: it sends a datagram every two milliseconds, and each
 * node's echo answers with the number of its node. The echoes stand for the service; they can be
 * muted, as a service that dies or hangs with its host. Beside it the kernels' own word on who
 * holds the address, and when an advertisement was heard last. All of it happens on one thread, in
 * `failover_probe_worker.ts`, which shares memory with this one.
 */

import type { Host } from "../lab/host.ts";
import { eventually } from "../lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import type { Fd } from "../../src/linux/libc.ts";

/** What the thread is told. */
export interface ProbeOrder {
  readonly memory: ProbeBuffers;
  readonly client: Fd;
  /** The client's interface. */
  readonly index: number;
  readonly nodes: readonly Fd[];
  readonly vip: string;
}

/** The memory that both threads see. */
export interface ProbeBuffers {
  readonly cells: SharedArrayBuffer;
  readonly answers: SharedArrayBuffer;
  readonly changes: SharedArrayBuffer;
  readonly heard: SharedArrayBuffer;
}

/** Typed views on it. Counters only grow; an entry is written before it is counted. */
export class ProbeMemory {
  readonly buffers: ProbeBuffers;
  readonly #cells: Int32Array;
  /** Pairs of instant and node. */
  readonly #answers: Float64Array;
  /** Pairs of instant and 2 × node + whether it holds the address now. */
  readonly #changes: Float64Array;
  /** One instant. */
  readonly #heard: Float64Array;

  constructor(
    buffers: ProbeBuffers = {
      cells: new SharedArrayBuffer(4 * CELLS),
      answers: new SharedArrayBuffer(16 * ANSWERS_KEPT),
      changes: new SharedArrayBuffer(16 * CHANGES_KEPT),
      heard: new SharedArrayBuffer(8),
    },
  ) {
    this.buffers = buffers;
    this.#cells = new Int32Array(buffers.cells);
    this.#answers = new Float64Array(buffers.answers);
    this.#changes = new Float64Array(buffers.changes);
    this.#heard = new Float64Array(buffers.heard);
  }

  get ending(): boolean {
    return Atomics.load(this.#cells, ENDING) === 1;
  }

  end(): void {
    Atomics.store(this.#cells, ENDING, 1);
  }

  isMuted(node: number): boolean {
    return (Atomics.load(this.#cells, MUTED) & (1 << node)) !== 0;
  }

  mute(node: number, muted: boolean): void {
    if (muted) Atomics.or(this.#cells, MUTED, 1 << node);
    else Atomics.and(this.#cells, MUTED, ~(1 << node));
  }

  addAnswer(at: number, node: number): void {
    add(this.#answers, this.#cells, ANSWERS, at, node);
  }

  addChange(at: number, node: number, holds: boolean): void {
    add(this.#changes, this.#cells, CHANGES, at, 2 * node + (holds ? 1 : 0));
  }

  /** When the client heard an advertisement last. */
  get heardAt(): number {
    return this.#heard[0]!;
  }

  set heardAt(at: number) {
    this.#heard[0] = at;
  }

  /** Answers that came after an instant, and the last one before it. */
  answers(since: number): { readonly at: number; readonly node: number }[] {
    return entries(this.#answers, this.#cells, ANSWERS, since)
      .map(([at, node]) => ({ at, node }));
  }

  /** Every change of an owner so far. */
  changes(): { readonly at: number; readonly node: number; readonly holds: boolean }[] {
    return entries(this.#changes, this.#cells, CHANGES, -Infinity)
      .map(([at, code]) => ({ at, node: code >> 1, holds: code % 2 === 1 }));
  }
}

/** A running client, its echoes, and the watch on both kernels. */
export class Probe implements AsyncDisposable {
  readonly #memory = new ProbeMemory();
  readonly #worker: Worker;
  readonly #ended: Promise<void>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#ended = new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`the probe's thread has died: ${event.message}`));
      };
    });
    // Whoever waits for it hears of it; a failure must not end the process before.
    this.#ended.catch(() => {});
  }

  /** Starts it. */
  static start(vip: string, client: Host, nodes: readonly Host[]): Probe {
    const url = new URL("failover_probe_worker.ts", import.meta.url);
    const probe = new Probe(new Worker(url, { type: "module", name: "probe" }));
    const order: ProbeOrder = {
      memory: probe.#memory.buffers,
      client: client.namespace,
      index: client.links.find("eth0").index,
      nodes: nodes.map(({ namespace }) => namespace),
      vip,
    };
    probe.#worker.postMessage(order);
    return probe;
  }

  /** A node's service stops to answer, or answers again. */
  mute(node: number, muted: boolean): void {
    this.#memory.mute(node, muted);
  }

  /** The nodes that hold the address. */
  holders(): number[] {
    const holding = new Set<number>();
    for (const { node, holds } of this.#memory.changes()) {
      if (holds) holding.add(node);
      else holding.delete(node);
    }
    return [...holding].toSorted();
  }

  /** Whether every answer of the last so many milliseconds came from that node, and some did. */
  isServedBy(node: number, forMs: number): boolean {
    const from = monotonicMs() - forMs;
    const answers = this.#memory.answers(from).filter(({ at }) => at >= from);
    return answers.length > forMs / EVERY_MS / 2 && answers.every((answer) => answer.node === node);
  }

  /** Waits until one node alone holds the address and serves the client. */
  async settled(node: number, deadlineMs: number): Promise<void> {
    const probe = () => this.holders().join() === `${node}` && this.isServedBy(node, SETTLED_MS);
    await eventually(`node ${node + 1} alone serves the client`, probe, { deadlineMs, everyMs: 5 });
  }

  /** Waits for the next advertisement. @returns when the client heard it. */
  async advertisement(deadlineMs: number): Promise<number> {
    const since = monotonicMs();
    const probe = () => this.#memory.heardAt > since;
    await eventually("an advertisement is heard", probe, { deadlineMs, everyMs: 1 });
    return this.#memory.heardAt;
  }

  /** The client's longest time without an answer since an instant, up to now. */
  longestGapMs(since: number): number {
    const until = monotonicMs();
    let last = since;
    let longest = 0;
    for (const { at } of this.#memory.answers(since)) {
      if (at >= since) longest = Math.max(longest, at - last);
      last = at;
    }
    return Math.max(longest, until - last);
  }

  /** For how long in all since an instant more than one node held the address. */
  twoOwnersMs(since: number): number {
    const holding = new Set<number>();
    let sum = 0;
    let last = since;
    const count = (at: number) => {
      if (holding.size > 1) sum += Math.max(0, at - last);
      last = Math.max(since, at);
    };
    for (const { at, node, holds } of this.#memory.changes()) {
      count(at);
      if (holds) holding.add(node);
      else holding.delete(node);
    }
    count(monotonicMs());
    return sum;
  }

  /** When a node got the address, or lost it, first after an instant. */
  changedAt(node: number, holds: boolean, since: number): number | undefined {
    return this.#memory.changes()
      .find((change) => change.at >= since && change.node === node && change.holds === holds)?.at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#memory.end();
    try {
      await this.#ended;
    } finally {
      this.#worker.terminate();
    }
  }
}

function add(ring: Float64Array, cells: Int32Array, cell: number, at: number, value: number): void {
  const count = Atomics.load(cells, cell);
  const slot = 2 * count % ring.length;
  ring[slot] = at;
  ring[slot + 1] = value;
  Atomics.store(cells, cell, count + 1);
}

/** In order, from the last one before `since`, as far back as they are kept. */
function entries(
  ring: Float64Array,
  cells: Int32Array,
  cell: number,
  since: number,
): [at: number, value: number][] {
  const found: [number, number][] = [];
  const count = Atomics.load(cells, cell);
  const oldest = Math.max(0, count - ring.length / 2 + 1);
  for (let index = count - 1; index >= oldest; index--) {
    const slot = 2 * index % ring.length;
    found.push([ring[slot]!, ring[slot + 1]!]);
    if (ring[slot]! < since) break;
  }
  return found.reverse();
}

/** How often the client asks. */
export const EVERY_MS = 2;

const SETTLED_MS = 60;
/** Two minutes. */
const ANSWERS_KEPT = 1 << 16;
const CHANGES_KEPT = 1 << 10;
const CELLS = 4;
const ENDING = 0;
const MUTED = 1;
const ANSWERS = 2;
const CHANGES = 3;
