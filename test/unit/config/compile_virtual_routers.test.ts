import { describe, expect, it } from "vitest";
import { checkAllNodes } from "../../../src/config/load.ts";
import { PAIR, planOf, problemsOf, source } from "./source.ts";

describe("priority", () => {
  it.each([
    ["", "lb1", 150],
    ["", "lb2", 100],
    ["priority: 7", "lb1", 7],
    ["priority: { lb2: 9 }", "lb1", 150],
    ["priority: { lb2: 9 }", "lb2", 9],
  ])("with %j on %s is %i", (key, node, priority) => {
    expect(router(key, node).priority).toBe(priority);
  });
});

describe("interface", () => {
  it("follows the node's address where there is one, else it must be named", () => {
    expect(router("", "lb1")).toMatchObject({ interface: null, nodeAddress: "10.0.0.2" });
    expect(router("interface: eth7", "lb1").interface).toBe("eth7");
    const alone = "virtualRouters: { a: { vrid: 1, addresses: [10.0.0.1] } }";
    expect(problemsOf(alone)[0]).toContain("virtualRouters.a: missing the key interface");
    const other = PAIR.replaceAll(/10\.0\.0\.[23]\]/g, (text) => `"fd00::${text[7]}"]`);
    expect(problemsOf(other, { node: "lb1" })[0]).toContain("the IPv4 address of node lb1");
  });
});

describe("advertisementInterval", () => {
  it.each([
    [3, "10ms", true],
    [3, "15ms", false],
    [3, "40.95s", true],
    [3, "40.96s", false],
    [2, "1s", true],
    [2, "500ms", false],
    [2, "1.5s", false],
    [2, "255s", true],
    [2, "256s", false],
  ])("in version %i, %s: %s", (version, interval, fits) => {
    const problems = routerProblems(`version: ${version}, advertisementInterval: ${interval}`);
    expect(problems.length === 0).toBe(fits);
  });
});

describe("deadman", () => {
  it.each([["2s", 2000], ["none", null], ["1m", 60_000]])("%s is %j", (text, ms) => {
    expect(router(`deadman: ${text}`, "lb1").deadmanMs).toBe(ms);
  });

  it("is none for an owner", () => {
    expect(router("priority: 255, deadman: 5s", "lb1").deadmanMs).toBeNull();
  });

  it.each(["1s", "2500ms", "0s", "3"])("refuses %s", (text) => {
    expect(routerProblems(`deadman: ${text}`)).toHaveLength(1);
  });
});

describe("addresses", () => {
  it("without a mask are host addresses, in the order of the file", () => {
    const text = PAIR.replace("[10.0.0.10]", "[10.0.0.20/24, 10.0.0.10]");
    expect(planOf(text, { node: "lb1" }).virtualRouters[0]?.addresses).toEqual([
      { address: "10.0.0.20", prefixLength: 24 },
      { address: "10.0.0.10", prefixLength: 32 },
    ]);
  });

  it.each([
    ["[10.0.0.10/33]", "allowed: an address such as"],
    ["[10.0.0.010]", "allowed: an address such as"],
    ["[224.0.0.18]", "a unicast address"],
    ["[127.0.0.1]", "a unicast address"],
    ["[10.0.0.10/0]", "a prefix length of 1 or more"],
    ["[10.0.0.10, 10.0.0.10/24]", "stands here a second time"],
    ['[10.0.0.10, "fd00::1"]', "one family only"],
    ['["fd00::1"], version: 2', "VRRP version 2 has no IPv6"],
    ["[10.0.0.2]", "is the address of node lb1 itself"],
  ])("%s is refused", (addresses, words) => {
    const text = PAIR.replace("[10.0.0.10]", addresses);
    expect(problemsOf(text, { node: "lb1" }).join("\n")).toContain(words);
  });

  it("are 255 at most", () => {
    const many = (count: number) =>
      PAIR.replace("10.0.0.10]", Array.from({ length: count }, (_, at) => `10.1.0.${at}`) + "]");
    expect(problemsOf(many(255), { node: "lb1" })).toEqual([]);
    const tooMany = many(255).replace("10.1.0.0,", "10.1.0.0, 10.1.1.0,");
    expect(problemsOf(tooMany, { node: "lb1" })[0]).toContain("found 256 addresses; allowed: 255");
  });

  it("of a node may be virtual for its owner", () => {
    const text = PAIR.replace("[10.0.0.10]", "[10.0.0.2], priority: { lb1: 255 }");
    expect(planOf(text, { node: "lb1" }).virtualRouters[0]?.priority).toBe(255);
  });
});

describe("two virtual routers", () => {
  it.each([
    ["vrid: 1, addresses: [10.0.0.11]", "VRID 1 is also that of web on the same interface"],
    ["vrid: 2, addresses: [10.0.0.10]", "10.0.0.10 is also an address of virtual router web"],
    [
      "vrid: 2, addresses: [10.0.0.11], excludedAddresses: [10.0.0.10]",
      "two.excludedAddresses: 10.0.0.10 is also an address of virtual router web",
    ],
  ])("must not share: %s", (keys, words) => {
    const problems = problemsOf(`${PAIR}  two: { ${keys} }\n`, { node: "lb1" });
    expect(problems.join("\n")).toContain(words);
  });

  it("may have one VRID on two interfaces", () => {
    const two = `${PAIR}  two: { vrid: 1, interface: eth1, addresses: [10.0.0.11] }\n`;
    expect(problemsOf(two, { node: "lb1" })).toEqual([]);
  });

  it("must not have it with a virtual MAC address on both: the links would be named alike", () => {
    const router = (name: string, link: string, mac: boolean, address: string) =>
      `  ${name}: { vrid: 9, interface: ${link}, virtualMac: ${mac}, addresses: ["${address}"] }\n`;
    const problems = (mac: boolean, address: string) => {
      const two = router("two", "eth0", true, "10.0.0.11") + router("three", "eth1", mac, address);
      return problemsOf(PAIR + two, { node: "lb1" });
    };
    expect(problems(true, "10.0.0.12")).toEqual([
      expect.stringContaining("virtualRouters.three.vrid: VRID 9 is also that of two, and both"),
    ]);
    expect(problems(false, "10.0.0.12")).toEqual([]);
    expect(problems(true, "fe80::12")).toEqual([]);
  });
});

describe("one VRID", () => {
  it("may stand for a virtual router of each family", () => {
    const two = `${PAIR}  two: { vrid: 1, interface: eth0, addresses: ["fe80::1"] }\n`;
    expect(problemsOf(two, { node: "lb1" })).toEqual([]);
  });

  it("and one link-local address may be used on each interface", () => {
    const router = (name: string, vrid: number, link: string) =>
      `  ${name}: { vrid: ${vrid}, interface: ${link}, addresses: ["fe80::1"] }\n`;
    const text = (link: string) => PAIR + router("a", 8, "eth0") + router("b", 9, link);
    expect(problemsOf(text("eth1"), { node: "lb1" })).toEqual([]);
    expect(problemsOf(text("eth0"), { node: "lb1" })[0]).toContain("also an address of virtual");
  });
});

describe("preemption", () => {
  it("may wait, but not for nothing", () => {
    expect(router("preemptDelay: 2m", "lb1").preemptDelayMs).toBe(120_000);
    expect(router("preemptDelay: 2m, preempt: false", "lb1").preemptDelayMs).toBe(0);
    expect(router("preemptDelay: 2m, priority: 255", "lb1").preemptDelayMs).toBe(0);
    expect(routerWarnings("preemptDelay: 2m, preempt: false")).toEqual([
      "there is nothing to delay, as preempt is false: it is ignored",
    ]);
    expect(routerWarnings("preemptDelay: 2m, priority: { lb1: 255 }")).toEqual([
      "there is nothing to delay, as lb1 owns the addresses (priority 255): it is ignored (on lb1)",
    ]);
    expect(routerProblems("preemptDelay: 1001s")[0]).toContain("found 1001s; allowed: up to 1000s");
  });

  it("is nothing that an owner can be without", () => {
    expect(routerProblems("priority: 255, preempt: false")[0]).toContain(
      "virtualRouters.web.preempt: lb1 owns the addresses (priority 255), and an owner always",
    );
  });
});

describe("authentication", () => {
  it.each([
    ["1111", "1111"],
    ["0123", "0123"],
    ['"with a blank"', "with a b"],
    ["file:/etc/password", "from a f"],
  ])("of %s is %j", (written, password) => {
    const keys = `version: 2, authentication: { password: ${written} }`;
    const readFile = () => "from a file\n";
    const plan = planOf(withKeys(keys), { node: "lb1", readFile });
    expect(plan.virtualRouters[0]?.password).toBe(password);
  });

  it("warns of what is cut off, without a word of it", () => {
    const found = routerWarnings("version: 2, authentication: { password: swordfish }");
    expect(found).toEqual([
      "the password has 9 characters, and an advertisement carries 8: the others are cut off, as " +
      "Keepalived does",
    ]);
    expect(routerWarnings("version: 2, authentication: { password: eightoct }")).toEqual([]);
  });

  it.each([
    ["authentication: { password: hunter }", "version 3 has no authentication"],
    ["version: 2, authentication: { password: hünter }", "more than letters, digits and signs"],
    ["version: 2, authentication: hunter", "found a value that is not shown here; allowed: a map"],
    ["version: 2, authentication: { password: [hunter] }", "found a list; allowed: the password"],
    ["version: 2, authentication: { pasword: hunter }", "unknown key; did you mean password?"],
    ["version: 2, authentication: { password: file:/hunter }", "cannot read /hunter"],
  ])("%s is refused", (keys, words) => {
    const problems = routerProblems(keys).join("\n");
    expect(problems).toContain(words);
    if (!keys.includes("file:")) expect(problems).not.toMatch(/h[uü]nter/);
  });
});

describe("announce", () => {
  it("has the defaults of the documentation, and can be told less", () => {
    expect(router("", "lb1").announce).toEqual({
      repeat: 5,
      delayMs: 5000,
      refreshMs: 10_000,
      refreshRepeat: 1,
    });
    expect(router("announce: { delay: 0s, refresh: none, refreshRepeat: 2 }", "lb1").announce)
      .toEqual({ repeat: 5, delayMs: 0, refreshMs: null, refreshRepeat: 2 });
    expect(routerProblems("announce: { refresh: 0s }")[0]).toContain("none, or a duration of 1s");
  });
});

describe("existingAddress", () => {
  it("is removed unless the file says refuse, and never from an owner", () => {
    expect(router("", "lb1").existingAddress).toBe("remove");
    expect(router("existingAddress: refuse", "lb1").existingAddress).toBe("refuse");
    expect(router("priority: 255", "lb1").existingAddress).toBe("refuse");
    expect(router("existingAddress: remove, priority: 255", "lb1").existingAddress).toBe("refuse");
  });
});

describe("notify", () => {
  it("is a command, a webhook, or both", () => {
    expect(router("", "lb1").notify).toBeNull();
    expect(router("notify: { command: [/bin/told, 1] }", "lb1").notify).toEqual({
      command: ["/bin/told", "1"],
      webhook: null,
    });
    expect(router('notify: { webhook: "https://example.com/a?b" }', "lb1").notify).toEqual({
      command: null,
      webhook: "https://example.com/a?b",
    });
    expect(routerProblems("notify: {}")[0]).toContain("allowed: command, webhook, or both");
    expect(routerProblems("notify: { webhook: 'https://me:secret@example.com' }")[0]).toContain(
      "without user and password",
    );
  });
});

describe("virtualMac", () => {
  it("is not for an owner, and wants to be announced", () => {
    expect(router("virtualMac: true", "lb1").virtualMac).toBe(true);
    expect(routerProblems("virtualMac: true, priority: 255")[0]).toContain("virtualMac: lb1 owns");
    expect(routerWarnings("virtualMac: true, announce: { refresh: none }")[0]).toContain(
      "switches forget",
    );
  });
});

describe("what else a virtual router can be told", () => {
  it("is in its plan", () => {
    expect(router("strictChecksum: true, addressList: drop, startDelay: 3s", "lb1")).toMatchObject({
      strictChecksum: true,
      addressList: "drop",
      startDelayMs: 3000,
    });
  });
});

function routerWarnings(keys: string): string[] {
  const { problems, warnings } = checkAllNodes(withKeys(keys), source());
  expect(problems).toEqual([]);
  return warnings.map(({ message }) => message);
}

function withKeys(keys: string): string {
  return keys === "" ? PAIR : PAIR.replace("vrid: 1", `vrid: 1, ${keys}`);
}

function router(keys: string, node: string) {
  const [first] = planOf(withKeys(keys), { node }).virtualRouters;
  if (!first) throw new Error("no virtual router");
  return first;
}

function routerProblems(keys: string): string[] {
  return problemsOf(withKeys(keys), { node: "lb1" });
}
