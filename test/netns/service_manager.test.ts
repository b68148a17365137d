import { expect, it } from "vitest";
import { eventually } from "../../scripts/lab/wait.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import type { Fd } from "../../src/linux/libc.ts";
import { unixAddress } from "../../src/linux/sockaddr.ts";
import { AF_UNIX, bind, close, recv, SOCK_DGRAM, socket } from "../../src/linux/socket.ts";
import { product } from "./product.ts";

const CONFIG = `
stateDirectory: \${HERE}
admin: { socket: "\${HERE}/admin.sock" }
workers: 1
frontends: { web: { listen: "127.0.0.1:0", backend: web } }
backends: { web: { check: none, servers: { a: "127.0.0.1:1" } } }
`;

it("tells systemd that it is ready, alive, reloading, and stopping", async () => {
  const [lintel] = await product();
  const directory = await Deno.makeTempDir({ prefix: "lintel-systemd-" });
  const path = `${directory}/notify`;
  const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  expect(bind(fd, unixAddress(path))).toBe(0);
  await Deno.writeTextFile(`${directory}/lintel.yaml`, CONFIG.replace(":0", `:${freePort()}`));
  const process = new Deno.Command(lintel!, {
    args: ["run", "-c", "lintel.yaml"],
    cwd: directory,
    env: { HERE: directory, NOTIFY_SOCKET: path, WATCHDOG_USEC: "600000" },
    stderr: "null",
  }).spawn();
  try {
    expect(await next(fd)).toMatch(/^READY=1\nSTATUS=node .*lintel\.yaml$/);
    expect(await next(fd)).toBe("WATCHDOG=1");
    expect(await next(fd)).toBe("WATCHDOG=1");
    const before = Math.floor(monotonicMs() * 1e3);
    process.kill("SIGHUP");
    const isReloading = /^RELOADING=1\nMONOTONIC_USEC=(\d+)\n/;
    const since = await eventually("it reloads", async () => isReloading.exec(await next(fd))?.[1]);
    expect(Number(since)).toBeGreaterThanOrEqual(before);
    await eventually(
      "that is over",
      async () => (await next(fd)).startsWith("READY=1\nSTATUS=the"),
    );
    process.kill("SIGTERM");
    await eventually(
      "it says that it stops",
      async () => (await next(fd)).startsWith("STOPPING=1"),
    );
    expect((await process.status).code).toBe(0);
  } finally {
    close(fd);
    await end(process);
    await Deno.remove(directory, { recursive: true });
  }
});

async function next(fd: Fd): Promise<string> {
  const bytes = new Uint8Array(4096);
  const length = await eventually("a message", () => Math.max(0, recv(fd, bytes)));
  return new TextDecoder().decode(bytes.subarray(0, length));
}

async function end(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
  await process.status;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
