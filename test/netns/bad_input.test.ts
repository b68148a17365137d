/**
 * Files that are wrong, hosts that lack something, commands that nobody answers: the exit code says
 * what kind, the message says where, and the appliance that runs on the same host does not notice.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { delay } from "../../scripts/lab/wait.ts";
import { LATER_KEYS } from "../../src/config/later.ts";
import { monotonicMs } from "../../src/linux/clock.ts";
import { Nginx } from "./nginx.ts";
import { ProbeClient } from "./probe_client.ts";
import { COMMON, Lintel, product } from "./product.ts";
import { VipWatch } from "./vip_watch.ts";

const VIP = "172.16.0.10";

/** What runs all the time. */
const CONFIG = `
nodes:
  lb1: { addresses: [172.16.0.2] }
virtualRouters:
  web: { vrid: 51, addresses: [${VIP}], advertisementInterval: 100ms }
frontends:
  web: { listen: ["vip:web:80", "172.16.0.2:80"], backend: web }
backends:
  web:
    check: { type: tcp, interval: 200ms }
    servers: { web1: "172.16.0.21:80" }
`;

/** A file in which one thing is wrong: where the mark is, which is taken out. */
const BROKEN: readonly (readonly [what: string, said: RegExp, text: string])[] = [
  ["an unknown key", /did you mean virtualRouters/, "§virtualRouter: {}"],
  ["an unknown key in depth", /did you mean redispatch/, "backends: { web: { §redispatc: true } }"],
  ["a number that is too great", /256.*1 to 255/, "virtualRouters: { a: { vrid: §256 } }"],
  ["a duration without a unit", /2.*unit/, "backends: { web: { check: { interval: §2 } } }"],
  ["yes for true", /yes.*true or false/, "backends: { web: { redispatch: §yes } }"],
  [
    "a backend that is not there",
    /no backend "nowhere".*web/,
    'frontends: { web: { listen: "*:80", backend: §nowhere } }\nbackends: { web: {} }',
  ],
  [
    "a virtual router that is not there",
    /no virtual router|there is no/,
    'frontends: { web: { listen: [§"vip:nowhere:80"], backend: web } }\nbackends: { web: {} }',
  ],
  [
    "no address where one is expected",
    /10\.0\.0\.256/,
    "nodes: { lb1: { addresses: [§10.0.0.256] } }",
  ],
  [
    "something that YAML takes for an alias",
    /quote this/,
    "frontends: { web: { listen: [§*:80] } }",
  ],
  ["a key that stands twice", /second time/, "workers: 1\n§workers: 2"],
  ["a tab", /tab/, "backends:\n§\tweb: {}"],
  ["a bracket that is never closed", /./, "nodes: { lb1: { addresses: [10.0.0.1\n§"],
  ...(LATER_KEYS[""] ?? []).map((key) =>
    [`${key}, of a later version`, /not supported yet/, `§${key}: 1`] as const
  ),
  [
    "version 2 by the tenth of a second",
    /whole seconds/,
    "virtualRouters: { a: { vrid: 1, version: 2, addresses: [10.0.0.9], " +
    "advertisementInterval: §100ms } }",
  ],
  ["a variable that is not set", /NOT_SET_ANYWHERE/, 'stateDirectory: §"${NOT_SET_ANYWHERE}"'],
  ["a list instead of a map", /map/, "backends:\n  web:\n    §servers: [10.0.0.1]"],
];

const ROOT_BUT: readonly (readonly [capability: string, config: string])[] = [
  ["CAP_NET_ADMIN", virtualRouterOnly()],
  ["CAP_NET_RAW", virtualRouterOnly()],
  ["CAP_NET_BIND_SERVICE", frontendOnly(80)],
];

let command: readonly string[];
let lab: Lab;
let lb1: Host;
let lintel: Lintel;
let watch: VipWatch;
let probe: ProbeClient;
let beganAt: number;

beforeAll(async () => {
  command = await product();
  lab = Lab.create();
  lb1 = lab.host("lb1", { addresses: ["172.16.0.2/24"] });
  const client = lab.host("client", { addresses: ["172.16.0.100/24"] });
  client.sysctl("net.ipv4.tcp_tw_reuse", 1);
  await Nginx.start(lab.host("web1", { addresses: ["172.16.0.21/24"] }));
  lintel = new Lintel(lb1, command, CONFIG);
  await lintel.ready();
  watch = new VipWatch(VIP, lb1);
  await watch.only(lb1);
  probe = new ProbeClient(client, `${VIP}:80`, { everyMs: 10, timeoutMs: 2_000 });
  await probe.answered();
  beganAt = monotonicMs();
});

afterAll(async () => {
  watch?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

describe("a file with", () => {
  it.each(BROKEN)("%s is refused at its place, by check and by run", async (_, said, text) => {
    const at = text.indexOf("§");
    const line = text.slice(0, at).split("\n").length;
    const column = at - text.lastIndexOf("\n", at);
    const file = lb1.write("broken.yaml", text.replace("§", ""));
    const [check, run] = await Promise.all([
      lb1.try([...command, "check", "-c", file]),
      lb1.try([...command, "run", "-c", file]),
    ]);
    expect(check.code, check.output).toBe(3);
    const place = `${file}:${line}:${column}: `;
    const found = check.output.split("\n").find((one) => one.startsWith(place));
    expect(found, check.output).toMatch(said);
    // Whoever runs it must also be told which node this host is.
    expect(run.code).toBe(3);
    expect(run.output).toContain(found);
  });

  it("many problems is told of all of them at once", async () => {
    const text = "workers: 0\nstopTimeout: 30\nlog: { level: loud }\nvirtualRouters: { a: {} }\n";
    const file = lb1.write("broken.yaml", text);
    const { code, output } = await lb1.try([...command, "check", "-c", file]);
    expect(code).toBe(3);
    for (const line of [1, 2, 3, 4]) expect(output).toContain(`${file}:${line}:`);
  });

  it("no name that exists is refused, naming it", async () => {
    const { code, output } = await lb1.try([...command, "run", "-c", "/nowhere/lintel.yaml"]);
    expect(code).toBe(3);
    expect(output).toContain("/nowhere/lintel.yaml");
  });
});

describe("a host that lacks", () => {
  it.each(ROOT_BUT)("%s makes run end with 4 and name it", async (capability, config) => {
    const bare = elsewhere();
    const name = capability.replace("CAP_", "").toLowerCase();
    const file = bare.write("lintel.yaml", withDirectory(bare, config));
    const without = ["setpriv", `--bounding-set=-${name}`, "--"];
    const { code, output } = await bare.try([...without, ...command, "run", "-c", file]);
    expect(code, output).toBe(4);
    expect(output).toMatch(new RegExp(`${capability}.*(grant|setcap)`));
  });

  it("every capability makes run end with 4 and name one", async () => {
    const bare = elsewhere();
    Deno.chmodSync(bare.directory, 0o777);
    const nobody = [
      ...["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups"],
      ...["--reuid=65534", "--regid=65534", "--"],
    ];
    const file = bare.write("lintel.yaml", withDirectory(bare, virtualRouterOnly()));
    const refused = await bare.try([...nobody, ...command, "run", "-c", file]);
    expect(refused.code, refused.output).toBe(4);
    expect(refused.output).toMatch(/CAP_NET_(RAW|ADMIN)/);
    // Where nothing needs a capability, it runs without any.
    const modest = bare.write("modest.yaml", withDirectory(bare, frontendOnly(8080)));
    const running = bare.spawn([...nobody, ...command, "run", "-c", modest]);
    await running.printed(/runs/);
    expect((await running.stop()).code, running.output).toBe(0);
  });

  it.each(["*:80", "0.0.0.0:80", "[::]:80"])(
    "a free port, asked for %s, makes run end with 4 and name it",
    async (listen) => {
      const used = elsewhere();
      await Nginx.start(used);
      const config = frontendOnly(80).replace('"*:80"', `"${listen}"`);
      const file = used.write("lintel.yaml", withDirectory(used, config));
      const { code, output } = await used.try([...command, "run", "-c", file]);
      expect(code, output).toBe(4);
      expect(output).toMatch(/:80\b.*port 80 is in use/);
    },
  );

  it("a place of its own for a second appliance is told so", async () => {
    const file = `${lb1.directory}/lintel.yaml`;
    const { code, output } = await lb1.try([...command, "run", "-c", file, "--node", "lb1"], {
      env: { HOST_DIRECTORY: lb1.directory },
    });
    expect(code, output).toBe(4);
    expect(output).toMatch(/172\.16\.0\.\d+:80: port 80 is in use|running appliance/);
  });
});

describe("a command", () => {
  it.each([[["status"]], [["drain", "web/web1"]], [["weight", "web/web1", "5"]]])(
    "that nobody answers ends with 5: %j",
    async (args) => {
      const nowhere = ["--admin", `unix:${lb1.directory}/nowhere.sock`];
      const { code, output } = await lb1.try([...command, ...args, ...nowhere]);
      expect(code, output).toBe(5);
      expect(output).toContain("nowhere.sock");
    },
  );

  it.each([
    [["frobnicate"], 2],
    [["status", "--frobnicate"], 2],
    [["drain"], 2],
    [["weight", "web/web1", "257"], 2],
    [["weight", "web", "5"], 2],
    [["drain", "web/web9"], 1],
    [["drain", "nowhere/web1"], 1],
  ])("that cannot be: %j ends with %i", async (args, exitCode) => {
    const admin = exitCode === 1 ? ["--admin", `unix:${lintel.socket}`] : [];
    const { code, output } = await lb1.try([...command, ...args, ...admin]);
    expect(code, output).toBe(exitCode);
    expect(output).toMatch(/^lintel: /);
  });
});

it("has left the appliance on that host alone", async () => {
  await delay(300);
  const { failed, failures } = await probe.since(beganAt);
  expect({ failed, failures }).toEqual({ failed: 0, failures: {} });
  expect(watch.changes(beganAt)).toEqual([]);
  expect((await lintel.router()).state).toBe("active");
  expect(await lintel.server("web1")).toMatchObject({ admin: "ready", override: null });
  expect(lintel.process.output).not.toMatch(/error|died/i);
});

/** A host on a LAN of its own. */
function elsewhere(): Host {
  const name = `bare${lab.hosts.length}`;
  return lab.host(name, { addresses: ["172.16.0.5/24"], lan: name });
}

function withDirectory(host: Host, config: string): string {
  return (COMMON + config).replaceAll("${HOST_DIRECTORY}", host.directory);
}

function virtualRouterOnly(): string {
  return `virtualRouters: { web: { vrid: 51, interface: eth0, addresses: [${VIP}] } }\n`;
}

function frontendOnly(port: number): string {
  return `frontends: { web: { listen: "*:${port}", backend: web } }
backends: { web: { check: none, servers: { web1: "172.16.0.21:80" } } }
`;
}
