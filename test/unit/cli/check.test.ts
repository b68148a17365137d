import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { check, type CheckOptions } from "../../../src/cli/check.ts";
import { Failure } from "../../../src/cli/exit_code.ts";
import type { RefusedListener } from "../../../src/cli/held_ports.ts";
import type { HostFacts } from "../../../src/config/host.ts";
import { FakeTerminal } from "./fake_terminal.ts";

let directory: string;

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-check-" });
});

afterEach(() => Deno.removeSync(directory, { recursive: true }));

const TWO_NODES = `nodes:
  lb1: { addresses: [172.16.0.2], priority: 150 }
  lb2: { addresses: [172.16.0.3], priority: 100 }
virtualRouters:
  api: { vrid: 60, addresses: [172.16.0.10], interface: eth7 }
frontends:
  api: { listen: "vip:api:6443", backend: web }
backends:
  web:
    servers: { web1: "172.16.0.4:6443", web2: "172.16.0.5:6443" }
`;

function hostWith(...addresses: string[]): HostFacts {
  return {
    hostname: "somewhere.example",
    shortHostname: "somewhere",
    interfaces: ["lo", "eth0"],
    addresses: addresses.map((address) => ({
      interface: "eth0",
      address,
      prefixLength: 24,
      ours: false,
    })),
    cpus: 2,
    whyNotRunnable: () => null,
  };
}

async function lintelCheck(
  text: string,
  options: Omit<CheckOptions, "config">,
  host?: HostFacts,
  refused: readonly RefusedListener[] = [],
) {
  const config = `${directory}/lintel.yaml`;
  Deno.writeTextFileSync(config, text);
  const terminal = new FakeTerminal();
  const exitCode = await check({ config, ...options }, terminal, {
    hostFacts() {
      if (!host) throw new Error("the host was asked");
      return host;
    },
    refusedListeners: () => refused,
  });
  const relative = (output: string) => output.replaceAll(`${directory}/`, "");
  return { exitCode, stdout: relative(terminal.stdout), stderr: relative(terminal.stderr) };
}

const SUMMARY = "ok, 1 virtual router, 1 frontend, 1 backend, 2 servers";

describe("lintel check", () => {
  it("says in one line what each node would run, and asks no host when offline", async () => {
    expect(await lintelCheck(TWO_NODES, { offline: true })).toEqual({
      exitCode: 0,
      stdout: `lb1: ${SUMMARY}\nlb2: ${SUMMARY}\n`,
      stderr: "",
    });
    expect((await lintelCheck(TWO_NODES, { offline: true, node: "lb2" })).stdout)
      .toBe(`lb2: ${SUMMARY}\n`);
  });

  it("says that a host which is none of the nodes cannot tell everything", async () => {
    const { exitCode, stdout, stderr } = await lintelCheck(TWO_NODES, {}, hostWith("10.9.9.9"));
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`lb1: ${SUMMARY}\nlb2: ${SUMMARY}\n`);
    expect(stderr).toMatch(/^this host is none of lb1, lb2: .* unchecked\n$/);
  });

  it.each([{}, { node: "lb1" }])(
    "compares with the host that is the node (%j)",
    async (options) => {
      const { exitCode, stdout, stderr } = await lintelCheck(
        TWO_NODES,
        options,
        hostWith("172.16.0.2"),
      );
      expect(exitCode).toBe(3);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^lintel\.yaml:5:\d+: virtualRouters\.api\.interface: .*eth7/m);
    },
  );

  it("does not compare another node with this host", async () => {
    const host = hostWith("172.16.0.2");
    expect(await lintelCheck(TWO_NODES, { node: "lb2" }, host)).toMatchObject({ exitCode: 0 });
  });

  it("prints every problem with its place and ends 3", async () => {
    const broken = TWO_NODES.replace("vrid: 60", "vrid: 600").replace(
      "backend: web",
      "backend: wep",
    );
    const { exitCode, stdout, stderr } = await lintelCheck(broken, { offline: true });
    expect(exitCode).toBe(3);
    expect(stdout).toBe("");
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^lintel\.yaml:\d+:\d+: /);
  });

  it("names the nodes there are where another one is asked for", async () => {
    const { exitCode, stderr } = await lintelCheck(TWO_NODES, { offline: true, node: "lb3" });
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/--node names lb3, but the nodes are lb1, lb2/);
  });

  it("prints all of it as JSON", async () => {
    const good = await lintelCheck(TWO_NODES, { offline: true, json: true });
    expect(JSON.parse(good.stdout)).toEqual({
      file: "lintel.yaml",
      problems: [],
      missing: [],
      warnings: [],
      nodes: ["lb1", "lb2"].map((node) => (
        { node, virtualRouters: 1, frontends: 1, backends: 1, servers: 2 }
      )),
    });
    const bad = await lintelCheck("frontends: 5\n", { offline: true, json: true });
    expect(bad.exitCode).toBe(3);
    expect(JSON.parse(bad.stdout).problems[0]).toMatchObject({ line: 1, path: "frontends" });
  });

  it("prints the file with every default filled in", async () => {
    const { exitCode, stdout } = await lintelCheck(TWO_NODES, {
      offline: true,
      node: "lb1",
      resolved: true,
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^stopTimeout: 30s$/m);
    expect(await lintelCheck(stdout, { offline: true })).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("prints the file of each node where nothing says which of them this is", async () => {
    const text = `${TWO_NODES}\n`.replace("priority: 100 }", "overrides: { workers: 3 } }");
    for (const host of [undefined, hostWith("10.9.9.9")]) {
      const { exitCode, stdout } = await lintelCheck(
        ...[text, { resolved: true, offline: host === undefined }, host] as const,
      );
      expect(exitCode).toBe(0);
      const documents = stdout.split(/^---\n/m).slice(1);
      expect(documents.map((one) => one.split("\n")[0])).toEqual(["# node: lb1", "# node: lb2"]);
      expect(documents.map((one) => /^workers: .*$/m.exec(one)?.[0])).toEqual([
        ...["workers: auto", "workers: 3"],
      ]);
      for (const document of documents) {
        expect(await lintelCheck(document, { offline: true })).toMatchObject({ exitCode: 0 });
      }
    }
  });

  it("has the resolved files in the JSON where they are asked for", async () => {
    const resolvedOf = async (options: Omit<CheckOptions, "config">) => {
      const { stdout } = await lintelCheck(TWO_NODES, { ...options, offline: true, json: true });
      return JSON.parse(stdout).resolved;
    };
    expect(Object.keys(await resolvedOf({ resolved: true }))).toEqual(["lb1", "lb2"]);
    expect(await resolvedOf({ resolved: true, node: "lb2" })).toEqual({
      lb2: expect.stringMatching(/^stopTimeout: 30s$/m),
    });
    expect(await resolvedOf({})).toBeUndefined();
  });

  it("ends 4 where this host refuses a listener, and says which", async () => {
    const text = TWO_NODES.replace(/interface: eth7/, "interface: eth0");
    const message = "cannot listen on 172.16.0.10:6443: port 6443 is in use by another program";
    const place = { protocol: "tcp" as const, address: "172.16.0.10", port: 6443 };
    const refused = [{ ...place, isInUse: true, message }];
    const { exitCode, stderr } = await lintelCheck(text, {}, hostWith("172.16.0.2"), refused);
    expect(stderr).toBe(`${message}\n`);
    expect(exitCode).toBe(4);
  });

  it("refuses a file that is not there", async () => {
    const host = { hostFacts: () => hostWith(), refusedListeners: () => [] };
    await expect(check({ config: `${directory}/none` }, new FakeTerminal(), host))
      .rejects.toThrow(Failure);
  });
});
