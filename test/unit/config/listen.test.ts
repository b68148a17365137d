import { describe, expect, it } from "vitest";
import { isLoopback, listenersOverlap, parseListen } from "../../../src/config/listen.ts";

describe("parseListen", () => {
  it.each([
    ["*:80", "*", [80, 80], "tcp"],
    ["0.0.0.0:80", "0.0.0.0", [80, 80], "tcp"],
    ["[::]:443", "::", [443, 443], "tcp"],
    ["[FD00::0:1]:1-9", "fd00::1", [1, 9], "tcp"],
    ["10.0.0.1:53/udp", "10.0.0.1", [53, 53], "udp"],
  ])("reads %s", (text, address, ports, protocol) => {
    expect(parseListen(text)).toEqual({ host: { kind: "address", address }, ports, protocol });
  });

  it("reads the addresses of a virtual router", () => {
    expect(parseListen("vip:kube-api:6443-6450")).toEqual({
      host: { kind: "virtualRouter", name: "kube-api" },
      ports: [6443, 6450],
      protocol: "tcp",
    });
  });

  it.each([
    ["6443", '"*:6443"'],
    ["*", "HOST:PORT"],
    ["*:0", "1 to 65535"],
    ["*:65536", "1 to 65535"],
    ["*:9-8", "lower one first"],
    ["*:80/tcp", "found /tcp"],
    ["*:80/udp/udp", "found /udp/udp"],
    ["example.com:80", 'host "example.com"'],
    [":80", 'host ""'],
    ["fd00::1:80", '"[fd00::1]:PORT"'],
    ["[10.0.0.1]:80", 'host "[10.0.0.1]"'],
    ["vip:api", "HOST:PORT"],
  ])("refuses %s and says %s", (text, words) => expect(parseListen(text)).toContain(words));
});

describe("listenersOverlap", () => {
  it.each([
    ["*", "10.0.0.1", true],
    ["*", "::", true],
    ["0.0.0.0", "10.0.0.1", true],
    ["0.0.0.0", "::", false],
    ["0.0.0.0", "fd00::1", false],
    ["::", "fd00::1", true],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1", "10.0.0.2", false],
  ])("%s and %s: %s", (left, right, overlap) => {
    expect(listenersOverlap(left, right)).toBe(overlap);
    expect(listenersOverlap(right, left)).toBe(overlap);
  });
});

describe("isLoopback", () => {
  it.each([["127.0.0.1", true], ["127.9.9.9", true], ["::1", true], ["*", false], ["::", false]])(
    "%s: %s",
    (address, loopback) => expect(isLoopback(address)).toBe(loopback),
  );
});
