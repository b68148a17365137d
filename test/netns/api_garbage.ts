/**
 * Bytes that are no HTTP, or hardly, and requests that never come to their end.
 */

import type { Random } from "../simulation/random.ts";

/** Something to send that nobody should answer well. */
export function garbage(random: Random): Uint8Array {
  if (random.chance(0.3)) {
    return Uint8Array.from({ length: random.integer(1, 3_000) }, () => random.integer(0, 255));
  }
  const text = random.pick(GARBAGE);
  const bytes = new TextEncoder().encode(text);
  if (random.chance(0.3)) bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
  return random.chance(0.2) ? bytes.subarray(0, random.integer(1, bytes.length)) : bytes;
}

/** Requests without an end, in pieces: of the headers, and of the body. */
export function slowRequests(count: number): AsyncIterable<Uint8Array>[] {
  return Array.from({ length: count }, (_, at) => {
    const start = SLOW[at % SLOW.length] ?? "";
    return dribble(start, at % SLOW.length === 0 ? "a: b\r\n" : "x");
  });
}

async function* dribble(start: string, more: string): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder();
  yield text.encode(start);
  for (let piece = 0; piece < 60; piece++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    yield text.encode(more);
  }
}

const SERVER = "/v1/backends/spare/servers/spare1";
const BODY = `Host: a\r\nContent-Type: application/json\r\n`;

const SLOW = [
  "GET /v1/status HTTP/1.1\r\nHost: a\r\n",
  `PATCH ${SERVER} HTTP/1.1\r\n${BODY}Authorization: Bearer admin-0123456789\r\n` +
  "Content-Length: 1000\r\n\r\n{",
  `PUT /v1/standby HTTP/1.1\r\n${BODY}Authorization: Bearer admin-0123456789\r\n` +
  "Transfer-Encoding: chunked\r\n\r\n400\r\n{",
  "GET /livez",
];

const GARBAGE = [
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "GET /livez\r\n",
  "GET / HTTP/0.9\r\n\r\n",
  "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
  "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: a\r\n\r\n",
  "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
  "get /livez http/1.1\r\nhost: a\r\n\r\n",
  "GET http://evil.example/ HTTP/1.1\r\nHost: b\r\n\r\n",
  "GET //// HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  "GET /livez HTTP/1.1\r\n\r\n",
  "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Content-Length: -1\r\n\r\n`,
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n` +
  "0\r\n\r\n",
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}`,
  `POST ${SERVER} HTTP/1.1\r\n${BODY}Content-Length: 99999999999999999999\r\n\r\n{}`,
  `GET /v1/status HTTP/1.1\r\nHost: a\r\n${"x: y\r\n".repeat(5_000)}\r\n`,
  `GET /v1/status HTTP/1.1\r\nHost: a\r\nx: ${"y".repeat(70_000)}\r\n\r\n`,
  `GET /${"a".repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  "GET /v1/status HTTP/1.1\r\nHost: a\r\n folded: yes\r\n\r\n",
  "GET /v1/status HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
  "GET /v1/status HTTP/1.1\r\nHost : a\r\n\r\n",
  "GET /v1/status HTTP/1.1\nHost: a\n\n",
  `${"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200)}`,
  "\r\n".repeat(1_000),
  "\0".repeat(1_000),
];
