import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HttpCheck } from "../../../src/core/plan/plan.ts";
import { HttpAnswer } from "../../../src/prober/http_answer.ts";
import type { Outcome } from "../../../src/prober/probe.ts";

const CHECK: HttpCheck = { method: "GET", path: "/", host: null, status: [[200, 299], [304, 304]] };

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Feeds pieces until there is an outcome; what comes after it is not looked at. */
function feed(pieces: readonly Uint8Array[], check = CHECK): Outcome | undefined {
  const answer = new HttpAnswer(check);
  for (const piece of pieces) {
    const outcome = answer.feed(piece);
    if (outcome) return outcome;
  }
  return undefined;
}

/** What is quoted of an answer that is not HTTP is as much as had arrived. */
function withoutQuote({ text, ...outcome }: Outcome): Outcome {
  return { ...outcome, text: text.replace(/answer: ".*"$/, "answer") };
}

/** An answer that ends with the connection. */
function closed(text: string, check = CHECK): Outcome {
  const answer = new HttpAnswer(check);
  return answer.feed(bytes(text)) ?? answer.end("connection closed");
}

describe("HttpAnswer: success", () => {
  it.each([
    ["HTTP/1.1 200 OK\r\n\r\n", 200],
    ["HTTP/1.0 204 No Content\r\nServer: x\r\n\r\n", 204],
    ["HTTP/1.1 299\r\n\r\n", 299],
    ["HTTP/1.1 304 \r\n\r\n", 304],
    ["HTTP/1.1 200 OK\nServer: x\n\n", 200],
    [
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
      200,
    ],
  ])("%j", (text, status) => {
    expect(feed([bytes(text)])).toEqual({ code: "L7OK", status, text: "" });
  });

  it("comes with the end of the headers, whatever the body does", () => {
    expect(feed([bytes("HTTP/1.1 200 OK\r\nContent-Length: 5")])).toBeUndefined();
    expect(feed([bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")])).toMatchObject({
      code: "L7OK",
    });
  });
});

describe("HttpAnswer: whether the connection may take another request", () => {
  it.each([
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true],
    ["HTTP/1.1 204 No Content\r\n\r\n", true],
    ["HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true],
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", false],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", false],
    ["HTTP/1.1 200 OK\r\n\r\n", false],
    ["HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", false],
    ["HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false],
    ["HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", false],
    ["HTTP/1.1 101 Switching Protocols\r\n\r\n", false],
  ])("%j: %j", (text, isReusable) => {
    const answer = new HttpAnswer({ ...CHECK, status: [...CHECK.status, [101, 101]] });
    answer.feed(bytes(text));
    expect(answer.isReusable).toBe(isReusable);
  });
});

describe("HttpAnswer: wrong status", () => {
  it.each([
    ["HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nnot ok, more", 500, "not o"],
    ["HTTP/1.1 404 No\r\ncontent-length:  0 \r\n\r\n", 404, ""],
    ["HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\ngo there", 301, "go there"],
    ["HTTP/1.1 503 x\r\nContent-Length: 50\r\n\r\ncut", 503, "cut"],
    [
      "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
      500,
      "abcde",
    ],
    ["HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nabc", 500, "abc"],
    ["HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", 500, ""],
    ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101, ""],
    ["HTTP/1.1 999 x\r\n\r\nwhy", 999, "why"],
  ])("%j", (text, status, body) => {
    expect(closed(text)).toEqual({ code: "L7STS", status, text: body });
  });

  it("does not wait for a body that HEAD has none of", () => {
    const head = "HTTP/1.1 500 x\r\nContent-Length: 5\r\n\r\n";
    expect(feed([bytes(head)])).toBeUndefined();
    expect(feed([bytes(head)], { ...CHECK, method: "HEAD" })).toMatchObject({ code: "L7STS" });
  });

  it("keeps a kilobyte of the body", () => {
    const text = `HTTP/1.1 500 x\r\n\r\n${"e".repeat(100_000)}`;
    expect(feed([bytes(text)])).toEqual({ code: "L7STS", status: 500, text: "e".repeat(1024) });
  });

  it("stands where the rest of the body does not come in time", () => {
    const answer = new HttpAnswer(CHECK);
    expect(answer.feed(bytes("HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\netcd"))).toBeUndefined();
    expect(answer.timeOut()).toEqual({ code: "L7STS", status: 500, text: "etcd" });
  });
});

describe("HttpAnswer: invalid answers", () => {
  it.each([
    ["SSH-2.0-OpenSSH_9.2\r\n", 'not an HTTP/1 answer: "SSH-2.0-OpenSSH_9.2\\r\\n"'],
    ["\r\nHTTP/1.1 200 OK\r\n\r\n", /^not an HTTP\/1 answer/],
    ["HTTP/2 200\r\n\r\n", /^not an HTTP\/1 answer/],
    ["HTTP/1.2 200 OK\r\n\r\n", /^not an HTTP\/1 answer/],
    ["HTTP/1.1 20 OK\r\n", /^not an HTTP\/1 answer/],
    ["HTTP/1.1 2000 OK\r\n", /^not an HTTP\/1 answer/],
    ["HTTP/1.1 099 x\r\n", /^not an HTTP\/1 answer/],
    ["HTTP/1.1  200 OK\r\n", /^not an HTTP\/1 answer/],
    ["HTTP/1.1 200OK\r\n", /^not an HTTP\/1 answer/],
    ["http/1.1 200 OK\r\n", /^not an HTTP\/1 answer/],
    ["", "connection closed before an answer"],
    ["HTT", "connection closed in the middle of the headers"],
    ["HTTP/1.1 200 OK\r\nServer: x\r\n", "connection closed in the middle of the headers"],
    [`HTTP/1.1 200 OK\r\nx: ${"y".repeat(16_384)}\r\n\r\n`, "headers longer than 16384 bytes"],
    [`HTTP/1.1 ${"2".repeat(17_000)}`, "headers longer than 16384 bytes"],
  ])("invalid answer %#", (text, says) => {
    const outcome = closed(text);
    expect(outcome.code).toBe("L7RSP");
    expect(outcome.text).toEqual(typeof says === "string" ? says : expect.stringMatching(says));
  });

  it("are known by their first byte", () => {
    expect(feed([Uint8Array.of(0x15)])).toMatchObject({ code: "L7RSP" });
  });
});

describe("HttpAnswer: timeout", () => {
  it.each([
    ["", "no answer in time"],
    ["HTTP/1.1 200 OK\r\n", "headers not complete in time, 17 bytes of them arrived"],
  ])("after %j", (text, says) => {
    const answer = new HttpAnswer(CHECK);
    answer.feed(bytes(text));
    expect(answer.timeOut()).toEqual({ code: "L7TOUT", text: says });
  });
});

describe("HttpAnswer: any bytes in any pieces", () => {
  const line = fc.constantFrom(
    "HTTP/1.1 200 OK",
    "HTTP/1.1 500 x",
    "HTTP/1.1 100 x",
    "Transfer-Encoding: chunked",
    "Content-Length: 7",
    "",
    "5",
    "hello",
    "0",
    "x".repeat(3000),
  );
  const almostHttp = fc.array(line, { maxLength: 20 }).map((lines) => bytes(lines.join("\r\n")));
  const stream = fc.oneof(almostHttp, fc.uint8Array({ maxLength: 300 }));

  it("come to the same as in one piece", () => {
    fc.assert(
      fc.property(stream, fc.infiniteStream(fc.integer({ min: 1, max: 700 })), (all, cuts) => {
        const whole = new HttpAnswer(CHECK);
        const expected = whole.feed(all) ?? whole.end("closed");
        const pieces = new HttpAnswer(CHECK);
        let outcome: Outcome | undefined;
        for (let at = 0; at < all.length && !outcome;) {
          const next = at + cuts.next().value;
          outcome = pieces.feed(all.subarray(at, next));
          at = next;
        }
        expect(withoutQuote(outcome ?? pieces.end("closed"))).toEqual(withoutQuote(expected));
        expect(["L7OK", "L7STS", "L7RSP"]).toContain(expected.code);
        expect(expected.text.length).toBeLessThanOrEqual(1024);
      }),
    );
  });
});
