import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DnsCheck } from "../../../src/core/plan/plan.ts";
import { dnsQuery } from "../../../src/core/wire/dns.ts";
import { DnsAnswer, DnsStreamAnswer } from "../../../src/prober/dns_answer.ts";

const CHECK: DnsCheck = {
  type: "dns",
  query: "health.example.com",
  recordType: "A",
  rcode: "NOERROR",
  transport: "udp",
};
const QUERY = dnsQuery(7, CHECK.query, CHECK.recordType);

function message(rcode: number, id = 7): Uint8Array<ArrayBuffer> {
  const bytes = dnsQuery(id, CHECK.query, CHECK.recordType);
  bytes[2] = 0x81;
  bytes[3] = 0x80 | rcode;
  return bytes;
}

describe("DnsAnswer", () => {
  it.each([
    [0, { code: "L7OK", text: "" }],
    [2, { code: "L7STS", text: "the answer was SERVFAIL, not NOERROR" }],
    [9, { code: "L7STS", text: "the answer was RCODE 9, not NOERROR" }],
  ])("judges RCODE %d", (rcode, outcome) => {
    expect(new DnsAnswer(CHECK, QUERY).feed(message(rcode))).toEqual(outcome);
  });

  it("can want another RCODE", () => {
    const refused = new DnsAnswer({ ...CHECK, rcode: "REFUSED" }, QUERY);
    expect(refused.feed(message(5))).toMatchObject({ code: "L7OK" });
  });

  it("goes on waiting after a message that is no answer, and says so", () => {
    const answer = new DnsAnswer(CHECK, QUERY);
    expect(answer.timeOut()).toEqual({ code: "L7TOUT", text: "no answer in time" });
    expect(answer.feed(message(0, 8))).toBeUndefined();
    expect(answer.timeOut().text).toBe("no answer in time; a message was not one: another ID");
    expect(answer.feed(message(0))).toMatchObject({ code: "L7OK" });
  });
});

describe("DnsStreamAnswer", () => {
  it("reads messages whatever the pieces are", () => {
    const stream = Uint8Array.of(...framed(message(0, 9)), ...framed(message(3)));
    fc.assert(fc.property(fc.array(fc.nat(40), { maxLength: 5 }), (cuts) => {
      const answer = new DnsStreamAnswer(CHECK, QUERY);
      let at = 0;
      let outcome;
      for (const cut of [...cuts, stream.length]) {
        outcome ??= answer.feed(stream.subarray(at, at + cut));
        at += cut;
      }
      expect(outcome).toEqual({ code: "L7STS", text: "the answer was NXDOMAIN, not NOERROR" });
    }));
  });

  it("has no answer where the connection ends in the middle", () => {
    const answer = new DnsStreamAnswer(CHECK, QUERY);
    answer.feed(framed(message(0)).subarray(0, 20));
    expect(answer.end("connection closed")).toEqual({
      code: "L7RSP",
      text: "connection closed before an answer",
    });
  });
});

function framed(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(bytes.length >> 8, bytes.length & 0xff, ...bytes);
}
