import { describe, expect, it } from "vitest";
import {
  type EndedConnection,
  jsonLine,
  tcplogLine,
} from "../../../src/appliance/connection_lines.ts";
import { RELAYING, WAITING } from "../../../src/dataplane/connection_table.ts";

const AT = new Date(2026, 10, 23, 7, 48, 3, 7);
const ENDED: EndedConnection = {
  client: { address: "192.0.2.1", port: 33092 },
  acceptedAt: AT.getTime(),
  frontend: "web",
  backend: "app",
  server: "s1",
  queueMs: 0.4,
  connectMs: 1.6,
  totalMs: 56.4,
  receivedBytes: 20,
  sentBytes: 5_000_000_000,
  closing: "finished",
  phase: RELAYING,
  clientEnded: true,
  retries: 0,
  redispatched: false,
  connections: { process: 3, frontend: 2, backend: 1, server: 0 },
  queuePlace: 0,
  isOwnQueue: false,
};

describe("tcplogLine()", () => {
  it("is HAProxy's line", () => {
    expect(tcplogLine(ENDED)).toBe(
      "192.0.2.1:33092 [23/Nov/2026:07:48:03.007] web app/s1 0/2/56 5000000000 -- 3/2/1/0/0 0/0",
    );
  });

  it("says what there never was", () => {
    const none = { client: null, server: null, queueMs: null, connectMs: null, totalMs: 0.2 };
    const one = { ...ENDED, ...none, closing: "noServer", phase: WAITING } as const;
    expect(tcplogLine(one)).toBe(
      "- [23/Nov/2026:07:48:03.007] web app/<NOSRV> -1/-1/0 5000000000 SC 3/2/1/0/0 0/0",
    );
  });

  it("marks a redispatch, and counts the queue", () => {
    const one = { ...ENDED, retries: 3, redispatched: true, queuePlace: 4 };
    expect(tcplogLine(one)).toMatch(/ 3\/2\/1\/0\/\+3 0\/4$/);
    expect(tcplogLine({ ...one, isOwnQueue: true })).toMatch(/ 3\/2\/1\/0\/\+3 4\/0$/);
  });

  it("writes IPv6 as HAProxy does", () => {
    const client = { address: "2001:db8::1", port: 5 };
    expect(tcplogLine({ ...ENDED, client })).toMatch(/^2001:db8::1:5 \[/);
  });
});

describe("jsonLine()", () => {
  it("has units in its names, and the reason in words", () => {
    const one = { ...ENDED, closing: "clientReset" } as const;
    expect(JSON.parse(jsonLine(one))).toEqual({
      event: "connection",
      at: new Date(AT.getTime() + 56).toISOString(),
      acceptedAt: AT.toISOString(),
      client: "192.0.2.1:33092",
      frontend: "web",
      backend: "app",
      server: "s1",
      queueSeconds: 0.0004,
      connectSeconds: 0.0016,
      durationSeconds: 0.0564,
      receivedBytes: 20,
      sentBytes: 5_000_000_000,
      closing: "clientReset",
      reason: "the client has reset it",
      termination: "CD",
      retries: 0,
      redispatched: false,
      connections: { process: 3, frontend: 2, backend: 1, server: 0 },
      queuePlace: 0,
    });
  });
});
