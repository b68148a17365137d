import { beforeEach, describe, expect, it } from "vitest";
import { type ConnectionLogParts, ConnectionLogs } from "../../../src/appliance/connection_logs.ts";
import { CLOSING } from "../../../src/dataplane/closing.ts";
import { inetAddressOf } from "../../../src/linux/sockaddr.ts";
import { ConnectionLog, LOG_FIELDS, type LogField } from "../../../src/memory/connection_log.ts";

let written: string;
let said: string[];
let parts: ConnectionLogParts;

beforeEach(() => {
  written = "";
  said = [];
  parts = {
    format: "tcplog",
    workers: 2,
    frontend: (index) => `frontend${index}`,
    backend: (index) => `backend${index}`,
    server: (row) => `server${row}`,
    openBeside: () => 4,
    openOfBackend: () => 3,
    write: (bytes) => {
      written += new TextDecoder().decode(bytes);
      return Promise.resolve();
    },
    log: { write: (level, message) => said.push(`${level}: ${message}`) },
  };
});

/** A worker's side of the ring. */
function worker(logs: ConnectionLogs, index: number) {
  const shape = logs.shape(index);
  if (!shape) throw new Error("no such worker");
  const log = new ConnectionLog(shape);
  return (fields: Partial<Record<LogField, number>> = {}) => {
    const place = log.claim();
    if (place < 0) return;
    const all = { ...RECORD, ...fields };
    LOG_FIELDS.forEach((field, at) => log.put(place, at, all[field]));
    const client = new Uint8Array(28);
    client.set(inetAddressOf("192.0.2.7", 4711));
    log.putClient(place, client, 0);
    log.commit();
  };
}

describe("ConnectionLogs", () => {
  it("writes a line for each connection of each worker, with names", async () => {
    const logs = new ConnectionLogs(parts);
    worker(logs, 0)({ row: -1, closing: CLOSING.noServer });
    worker(logs, 1)();
    await logs.drain();
    expect(written.replaceAll(/\[.*?\]/g, "[]")).toBe(
      "192.0.2.7:4711 [] frontend1 backend2/<NOSRV> 1/2/200 6 SC 9/6/3/1/0 0/0\n" +
        "192.0.2.7:4711 [] frontend1 backend2/server3 1/2/200 6 -- 9/6/3/1/0 0/0\n",
    );
    await logs.drain();
    expect(written.split("\n")).toHaveLength(3);
  });

  it("writes JSON Lines", async () => {
    const logs = new ConnectionLogs({ ...parts, format: "json" });
    worker(logs, 0)();
    await logs.drain();
    expect(JSON.parse(written)).toMatchObject({ server: "server3", closing: "finished" });
  });

  it("loses lines rather than to wait for who reads them, and says so once", async () => {
    let go = () => {};
    const slow = { write: () => new Promise<void>((resolve) => go = resolve) };
    const logs = new ConnectionLogs({ ...parts, ...slow });
    const end = worker(logs, 0);
    end();
    const first = logs.drain();
    for (let count = 0; count < 10_000; count++) end();
    await logs.drain();
    expect(logs.lost).toBe(10_000 - 8_192);
    expect(said).toEqual([]);
    go();
    await first;
    const second = logs.drain();
    go();
    await second;
    end();
    const third = logs.drain();
    go();
    await third;
    expect(said).toEqual([expect.stringMatching(/^warn: the connection log is read too slowly/)]);
    await logs.stop();
    expect(said[1]).toBe("warn: 1808 lines of the connection log were lost");
  });

  it("goes on without a reader", async () => {
    const gone = { write: () => Promise.reject(new Error("Broken pipe")) };
    const logs = new ConnectionLogs({ ...parts, ...gone });
    const end = worker(logs, 0);
    end();
    await logs.drain();
    end();
    await logs.drain();
    expect(said).toEqual(["error: the connection log ends: Broken pipe"]);
    expect(logs.lost).toBe(0);
  });
});

const RECORD: Record<LogField, number> = {
  endedAt: 1_200,
  acceptedAt: 1_000,
  queueMs: 1,
  connectMs: 2,
  frontend: 1,
  backend: 2,
  row: 3,
  closing: CLOSING.finished,
  phase: 3,
  clientEnded: 0,
  received: 5,
  sent: 6,
  retries: 0,
  redispatched: 0,
  openWorker: 5,
  openFrontend: 6,
  openServer: 1,
  queuePlace: 0,
  isOwnQueue: 0,
};
