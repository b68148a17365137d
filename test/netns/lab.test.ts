import { describe, expect, it } from "vitest";
import { IFA_F_PERMANENT, IFF_RUNNING } from "../../src/core/wire/rtnetlink.ts";
import { EADDRNOTAVAIL, EEXIST, SystemError } from "../../src/linux/errno.ts";
import { RouteEvents } from "../../src/linux/netlink.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { ProbeWindow } from "../../scripts/lab/probe.ts";
import { always, delay, eventually } from "../../scripts/lab/wait.ts";

describe("Lab", () => {
  it("connects hosts on a LAN", async () => {
    await using lab = Lab.create();
    const [left, right] = pair(lab);
    expect(left.addresses()).toContainEqual({
      interface: "eth0",
      prefix: "172.16.0.2/24",
      protocol: 0,
      flags: IFA_F_PERMANENT,
      validSeconds: Infinity,
      preferredSeconds: Infinity,
    });
    expect(left.links.mac("eth0")).not.toBe(right.links.mac("eth0"));
    await serve(right);
    expect(await left.run(ask("172.16.0.3"))).toBe("right\n");
    expect(await right.run(ask("172.16.0.3"))).toBe("right\n");
    await expect(left.run(ask("172.16.0.2"))).rejects.toThrow(/ended with 1/);
  });

  it("connects two hosts by a cable of their own, and routes between LANs", async () => {
    await using lab = Lab.create();
    const router = lab.host("router", { addresses: ["10.1.0.1/24"], lan: "one" });
    expect(lab.attach(router, "two", ["10.2.0.1/24"])).toBe("eth1");
    const left = lab.host("left", { addresses: ["10.1.0.2/24"], lan: "one", gateway: "10.1.0.1" });
    const right = lab.host("right", {
      addresses: ["10.2.0.2/24"],
      lan: "two",
      gateway: "10.2.0.1",
    });
    expect(lab.connect(left, ["10.3.0.1/30"], right, ["10.3.0.2/30"])).toEqual(["eth1", "eth1"]);
    router.sysctl("net.ipv4.ip_forward", 1);
    await serve(right);
    expect(await left.run(ask("10.2.0.2"))).toBe("right\n");
    expect(await left.run(ask("10.3.0.2"))).toBe("right\n");
  });

  it("cuts hosts off without a sign on their links, and heals", async () => {
    await using lab = Lab.create();
    const [left, right] = pair(lab);
    const third = lab.host("third", { addresses: ["172.16.0.4/24"] });
    await serve(right);
    lab.partition(right, third);
    expect(await reaches(left, "172.16.0.3")).toBe(false);
    expect(await reaches(third, "172.16.0.3")).toBe(true);
    expect(right.links.find("eth0").flags & IFF_RUNNING).toBe(IFF_RUNNING);
    lab.heal();
    // A neighbour that did not answer is asked again once a second only.
    await eventually("the LAN is whole again", () => reaches(left, "172.16.0.3"));
  });

  it("pulls a cable, which the host notices", async () => {
    await using lab = Lab.create();
    const [left] = pair(lab);
    const running = () => (left.links.find("eth0").flags & IFF_RUNNING) !== 0;
    await eventually("the carrier is there", running);
    lab.unplug(left);
    await eventually("the carrier is lost", () => !running());
    lab.plug(left);
    await eventually("the carrier is back", running);
  });

  it("kills what runs in its hosts, also what has forked, and removes its directory", async () => {
    const lab = Lab.create();
    const host = lab.host("host");
    const daemon = host.spawn(["sh", "-c", "sleep 1000 & echo $! && wait"]);
    const [, pid] = await daemon.printed(/^(\d+)$/m);
    host.write("some.conf", "text");
    await lab[Symbol.asyncDispose]();
    expect(daemon.ended).toBe(true);
    await eventually("the forked process is gone", () => !runs(pid));
    expect(exists(lab.directory)).toBe(false);
  });

  it("cleans up when it is interrupted", async () => {
    await using lab = Lab.create();
    const code = `import { Lab } from "${script("lab.ts")}";
      const lab = Lab.create();
      const { pid } = lab.host("inner").spawn(["sleep", "1000"]);
      Deno.stdout.writeSync(new TextEncoder().encode(pid + " " + lab.directory + "\\n"));
      await new Promise((resolve) => setTimeout(resolve, 60_000));`;
    const outer = lab.host("outer");
    const inner = outer.script(outer.write("inner.ts", code));
    const [, pid, directory] = await inner.printed(/^(\d+) (.*)$/m);
    await eventually("the inner command runs", () => runs(pid));
    inner.kill("SIGINT");
    expect((await inner.end()).code).toBe(130);
    await eventually("the inner command is gone", () => !runs(pid));
    expect(exists(directory!)).toBe(false);
  });
});

describe("RouteSocket", () => {
  it("answers as the kernel does", async () => {
    await using lab = Lab.create();
    const [left] = pair(lab);
    const again = refusal(() => left.links.addAddress("eth0", "172.16.0.2/24"));
    expect(again).toBe(EEXIST);
    const missing = refusal(() => left.links.removeAddress("eth0", "172.16.0.99/32"));
    expect(missing).toBe(EADDRNOTAVAIL);
  });

  it("gives an address a lifetime, at whose end the kernel removes it", async () => {
    await using lab = Lab.create();
    const [left] = pair(lab);
    using events = left.inside(() => new RouteEvents());
    left.links.addAddress("eth0", "172.16.0.10/32", { protocol: 77, lifetimeSeconds: 1 });
    expect(left.addresses()).toContainEqual(expect.objectContaining({
      prefix: "172.16.0.10/32",
      protocol: 77,
      validSeconds: 1,
    }));
    await always("the address is there", () => left.holds("172.16.0.10"), { forMs: 700 });
    await eventually("the address is gone", () => !left.holds("172.16.0.10"), {
      deadlineMs: 2_000,
    });
    const seen: string[] = [];
    while (
      events.read((event) => {
        if ("address" in event && event.address.protocol === 77) seen.push(event.kind);
      }) > 0
    );
    expect(seen).toEqual(["address", "addressGone"]);
  });

  it("hears of links that come, change and go", async () => {
    await using lab = Lab.create();
    const [left] = pair(lab);
    using events = left.inside(() => new RouteEvents());
    left.links.addBridge("br0");
    left.links.remove("br0");
    const seen = new Set<string>();
    while (
      events.read((event) => {
        if ("link" in event && event.link.name === "br0") seen.add(event.kind);
      }) > 0
    );
    expect([...seen]).toEqual(["link", "linkGone"]);
  });
});

describe("probe", () => {
  it.each(["connect", "request", "keepalive"])("sees a gap in mode %s", async (mode) => {
    await using lab = Lab.create();
    const [left, right] = pair(lab);
    await serve(right);
    const windows: ProbeWindow[] = [];
    const onLine = (line: string) => windows.push(JSON.parse(line));
    const arguments_ = ["172.16.0.3:80", "--mode", mode, "--timeout", "100"];
    const probe = left.script(script("probe.ts"), arguments_, { onLine });
    await eventually("answers come", () => windows.some(({ answered }) => answered > 20));
    await eventually("they come one after the other", () => (windows.at(-1)?.gapMs ?? 100) < 50);
    lab.partition(right);
    await delay(300);
    lab.heal(right);
    windows.length = 0;
    await eventually("answers come again", () => windows.some(({ answered }) => answered > 20));
    const gapMs = Math.max(...windows.map((window) => window.gapMs));
    expect(gapMs).toBeGreaterThan(250);
    expect(gapMs).toBeLessThan(2_000);
    const names = new Set(windows.flatMap(({ servers }) => Object.keys(servers)));
    expect([...names]).toEqual([mode === "connect" ? "-" : "right"]);
    probe.kill();
  });
});

function pair(lab: Lab): [left: Host, right: Host] {
  return [
    lab.host("left", { addresses: ["172.16.0.2/24"] }),
    lab.host("right", { addresses: ["172.16.0.3/24"] }),
  ];
}

async function serve(host: Host): Promise<void> {
  await host.script(script("http_server.ts"), [host.name, "0.0.0.0", "80"]).printed(/listens/);
}

/** A command that prints what a web server answers. */
function ask(address: string): string[] {
  const code = `fetch("http://${address}/", { signal: AbortSignal.timeout(500) })
    .then((answer) => answer.bytes()).then((bytes) => Deno.stdout.write(bytes))`;
  return [Deno.execPath(), "eval", code];
}

async function reaches(host: Host, address: string): Promise<boolean> {
  return (await host.try(ask(address))).code === 0;
}

function script(name: string): string {
  return new URL(`../../scripts/lab/${name}`, import.meta.url).pathname;
}

function refusal(act: () => void): number | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof SystemError ? error.errno : undefined;
  }
}

/** Whether a process is there and no zombie. */
function runs(pid: string | undefined): boolean {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/net`) !== "";
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
