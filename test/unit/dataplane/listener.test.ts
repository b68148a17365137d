import { describe, expect, it, vi } from "vitest";
import { openListener } from "../../../src/dataplane/listener.ts";
import { EAFNOSUPPORT } from "../../../src/linux/errno.ts";
import { readInetAddress } from "../../../src/linux/sockaddr.ts";
import { AF_INET6, close, getsockname } from "../../../src/linux/socket.ts";

// A host that was started with ipv6.disable=1.
vi.mock(import("../../../src/linux/socket.ts"), async (original) => {
  const socket = await original();
  return {
    ...socket,
    socket: (domain, type, protocol) =>
      domain === AF_INET6 ? -EAFNOSUPPORT as never : socket.socket(domain, type, protocol),
  };
});

describe("openListener() on a host without IPv6", () => {
  const clients = {
    keepalive: { idleMs: 60_000, intervalMs: 10_000, probes: 6, userTimeoutMs: null },
    clientSpeaksFirst: false,
  };

  it("listens on all addresses there are for *", () => {
    const fd = openListener(
      { protocol: "tcp", address: "*", port: 0, virtualRouter: null },
      clients,
    );
    expect(fd).toBeGreaterThan(0);
    const bytes = new Uint8Array(28);
    getsockname(fd, bytes);
    close(fd);
    expect(readInetAddress(bytes)).toMatchObject({ family: 4, address: "0.0.0.0" });
  });

  it("cannot listen on an IPv6 address", () => {
    expect(
      openListener({ protocol: "tcp", address: "::", port: 0, virtualRouter: null }, clients),
    )
      .toBe(-EAFNOSUPPORT);
  });
});
