import { describe, expect, it } from "vitest";
import { type HostAddress, type HostFacts, hostProblems } from "../../../src/config/host.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { hostFacts, PAIR, source } from "./source.ts";

describe("hostProblems", () => {
  it("finds nothing on the host that the file is for", () => {
    expect(check(PAIR, hostFacts())).toEqual({ problems: [], warnings: [] });
  });

  it("names an interface that is missing, and those that are here", () => {
    const text = PAIR.replace("vrid: 1", "vrid: 1, interface: ens3");
    expect(check(text, hostFacts()).problems).toEqual([
      "6:30 virtualRouters.web.interface: this host has no interface ens3; it has lo, eth0",
    ]);
  });

  it("names the node's address if it is on no interface", () => {
    const { problems } = check(PAIR, hostFacts({ addresses: [] }));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("no interface of this host has the address 10.0.0.2 of node lb1");
  });

  it("refuses a virtual address that somebody else put here where told to", () => {
    const text = PAIR.replace("vrid: 1", "vrid: 1, existingAddress: refuse");
    const { problems } = check(text, hostFacts({ addresses: [OWN, vip(false)] }));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("10.0.0.10 is on eth0 of this host, and lintel did not put it");
  });

  it("accepts one that lintel put here, or that belongs to an owner", () => {
    expect(check(PAIR, hostFacts({ addresses: [OWN, vip(true)] })).problems).toEqual([]);
    const owner = PAIR.replace("vrid: 1", "vrid: 1, priority: 255");
    expect(check(owner, hostFacts({ addresses: [OWN, vip(false)] })).problems).toEqual([]);
  });

  it("sees one VRID twice on an interface where one router names it and one does not", () => {
    const text = `${PAIR}  two: { vrid: 1, interface: eth0, addresses: [10.0.0.11] }\n`;
    expect(check(text, hostFacts()).problems).toEqual([
      "7:16 virtualRouters.two.vrid: VRID 1 is also that of web on eth0: choose another",
    ]);
  });

  it("lets one VRID stand for a virtual router of each family", () => {
    const text = `${PAIR}  two: { vrid: 1, interface: eth0, addresses: ["fe80::11"] }\n`;
    const local = { ...OWN, address: "fe80::2", prefixLength: 64 };
    expect(check(text, hostFacts({ addresses: [OWN, local] }))).toEqual({
      problems: [],
      warnings: [],
    });
    expect(check(text, hostFacts({ addresses: [OWN] })).warnings).toEqual([
      "7:3 virtualRouters.two: eth0 has no link-local address to send advertisements from",
    ]);
  });

  it("says that an address will be removed", () => {
    const { problems, warnings } = check(PAIR, hostFacts({ addresses: [OWN, vip(false)] }));
    expect(problems).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("10.0.0.10 is on eth0 of this host and will be removed at start");
  });

  it("looks for excluded addresses too", () => {
    const text = PAIR.replace("[10.0.0.10]", "[10.0.0.9], excludedAddresses: [10.0.0.10]");
    const { warnings } = check(text, hostFacts({ addresses: [OWN, vip(false)] }));
    expect(warnings[0]).toContain("virtualRouters.web.excludedAddresses: 10.0.0.10 is on eth0");
  });

  it("wants routes that the kernel would take", () => {
    const routes = [
      "{ to: 10.1.0.0/16, via: 10.0.0.1, source: 10.0.0.10 }",
      "{ to: 10.2.0.0/16, interface: eth1 }",
      "{ to: 10.3.0.0/16, via: 10.9.0.1 }",
      "{ to: 10.4.0.0/16, via: 10.0.0.1, source: 10.0.0.77 }",
      '{ to: "fd01::/64", via: "fe80::1" }',
      "{ to: 10.5.0.0/16, via: 10.8.0.1 }",
    ];
    const excluded = "excludedAddresses: [10.8.0.10/24]";
    const keys = `vrid: 1, ${excluded}, virtualRoutes: [${routes.join(", ")}]`;
    const { problems, warnings } = check(PAIR.replace("vrid: 1", keys), hostFacts());
    expect(problems.map((line) => line.replace(/^\S+ /, ""))).toEqual([
      "virtualRouters.web.virtualRoutes[1].interface: this host has no interface eth1; it has " +
      "lo, eth0",
      "virtualRouters.web.virtualRoutes[3].source: 10.0.0.77 is neither a virtual address nor on " +
      "an interface of this host, so that the kernel refuses the route",
    ]);
    expect(warnings.map((line) => line.replace(/^\S+ /, ""))).toEqual([
      "virtualRouters.web.virtualRoutes[2].via: 10.9.0.1 is in no network of eth0, so that the " +
      "kernel refuses the route",
    ]);
  });

  it("wants programs that can be run, and interfaces that are here", () => {
    const keys = "track: { ping: yield, link: yield }, notify: { command: [/bin/told, x] }";
    const text = `${PAIR.replace("vrid: 1", `vrid: 1, ${keys}`)}trackers:
  ping: { type: script, command: [/bin/ping, -c1] }
  link: { type: interface, interface: eth7 }
`;
    const whyNotRunnable = (path: string) => path === "/bin/ping" ? null : "there is no such file";
    const { problems, warnings } = check(text, hostFacts({ whyNotRunnable }));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("notify.command: /bin/told cannot be run: there is no such file");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("trackers.link.interface: this host has no interface eth7");
    const none = check(text, hostFacts({ whyNotRunnable: () => "it is no file" }));
    expect(none.problems[1]).toContain("trackers.ping.command: /bin/ping cannot be run: it is no");
  });

  it("wants the programs of checks, too", () => {
    const text = `${PAIR}backends:
  web: { check: { type: script, command: [/opt/check] }, servers: { one: 10.0.0.21 } }
`;
    const { problems } = check(text, hostFacts({ whyNotRunnable: () => "it is no file" }));
    expect(problems).toEqual([
      expect.stringContaining(
        "backends.web.check.command: /opt/check cannot be run: it is no file",
      ),
    ]);
  });

  it("warns where an interface lacks the address by which unicast peers know this node", () => {
    const text = PAIR.replace("vrid: 1", "vrid: 1, interface: eth1");
    const facts = hostFacts({ interfaces: ["lo", "eth0", "eth1"] });
    const { problems, warnings } = check(text, facts);
    expect(problems).toEqual([]);
    expect(warnings).toEqual([
      expect.stringContaining("virtualRouters.web.unicast: eth1 does not have 10.0.0.2, by which"),
    ]);
    const multicast = text.replace("vrid: 1", "vrid: 1, unicast: false");
    expect(check(multicast, facts).warnings).toEqual([]);
  });

  it("warns of an address outside the networks of its interface", () => {
    const text = PAIR.replace("10.0.0.10", "10.0.9.10");
    const { problems, warnings } = check(text, hostFacts());
    expect(problems).toEqual([]);
    expect(warnings[0]).toContain("10.0.9.10 is in no network of eth0");
  });

  it("wants listeners and sources to be addresses of this host", () => {
    const text = `${
      PAIR.replace("vrid: 1", "vrid: 1, unicast: {source: 10.0.0.7, peers: [10.0.0.3]}")
    }
admin: { probes: "10.0.0.8:9901" }
frontends:
  web:
    listen: ["10.0.0.9:80", "*:81", "127.0.0.1:82", "10.0.0.2:83", "vip:web:84"]
    backend: web
backends:
  web: {}
`;
    expect(check(text, hostFacts()).problems.map((line) => line.replace(/:.*/, ""))).toEqual([
      "6",
      "8",
      "11",
    ]);
  });
});

function check(text: string, facts: HostFacts) {
  const loaded = loadConfig(text, source({ node: "lb1" }));
  if (!loaded.plan) throw new Error(JSON.stringify(loaded.problems));
  const { problems, warnings } = hostProblems(loaded.plan, facts, loaded.locate);
  const lines = (found: typeof problems) =>
    found.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
  return { problems: lines(problems), warnings: lines(warnings) };
}

function vip(ours: boolean): HostAddress {
  return { interface: "eth0", address: "10.0.0.10", prefixLength: 32, ours };
}

const OWN: HostAddress = { interface: "eth0", address: "10.0.0.2", prefixLength: 24, ours: false };
