/**
 * The acceptance test of the product: copied alone into a read-only root with nothing but the
 * libraries it is linked with, it does its whole job there as process 1, for root and for nobody.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile } from "../../scripts/compile.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { build } from "../../src/appliance/bundle.ts";
import { Rootfs, type User } from "./rootfs.ts";

const VIP = "172.16.0.10";

const CONFIG = `
nodes:
  lb: { addresses: [172.16.0.2] }
stateDirectory: /run/lintel/state
virtualRouters:
  web: { vrid: 60, addresses: [${VIP}] }
frontends:
  web: { listen: "vip:web:80", backend: web }
backends:
  web:
    check: { interval: 200ms }
    servers: { web1: "172.16.0.3:8080" }
`;

const USERS: readonly (User & { name: string })[] = [
  { name: "root", id: 0 },
  {
    name: "nobody, with permitted capabilities on the binary",
    id: 65532,
    capabilities: "cap_net_admin,cap_net_raw,cap_net_bind_service+p",
  },
];

describe.each(USERS)("the product in a read-only root, run by $name", (user) => {
  let lab: Lab;
  let balancer: Host;
  let client: Host;
  let rootfs: Rootfs;
  let running: Process;

  beforeAll(async () => {
    const product = await compile();
    lab = Lab.create();
    balancer = lab.host("lb", { addresses: ["172.16.0.2/24"] });
    client = lab.host("client", { addresses: ["172.16.0.4/24"] });
    const server = lab.host("server", { addresses: ["172.16.0.3/24"] });
    const web = server.script("scripts/lab/http_server.ts", ["web1", "172.16.0.3", "8080"]);
    await web.printed(/listens/);
    rootfs = await Rootfs.create(balancer, product, CONFIG, user);
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it("stands beside its configuration and its libraries alone", () => {
    const files = rootfs.files().filter((path) => !/^\/lib\w*\/.*\.so[.\d]*$/.test(path));
    expect(files.toSorted()).toEqual(["/lintel", "/lintel.yaml"]);
  });

  it("tells its version", async () => {
    expect(await balancer.run(rootfs.command("version"))).toContain(build.version);
  });

  it("checks its file, on this host", async () => {
    const printed = await balancer.run(rootfs.command("check", "-c", "/lintel.yaml"));
    expect(printed).toContain("lb: ok");
  });

  it("runs, takes the virtual address and forwards", async () => {
    running = balancer.spawn(rootfs.command("run", "-c", "/lintel.yaml"));
    try {
      await eventually(`${VIP} is on the balancer`, () => balancer.holds(VIP));
      await eventually("a request through the virtual address", async () => {
        const answer = await client.run(["curl", "--silent", "--max-time", "2", `http://${VIP}/`]);
        return answer === "web1\n";
      });
    } catch (error) {
      throw new Error(`the product has printed:\n${running.output}`, { cause: error });
    }
  });

  it("answers the API on its socket", async () => {
    const socket = `${rootfs.run}/lintel/admin.sock`;
    const ask = (path: string) =>
      client.run(["curl", "--silent", "--fail", "--unix-socket", socket, `http://lintel${path}`]);
    await ask("/livez");
    await ask("/readyz");
    await ask("/active");
    const status = JSON.parse(await ask("/v1/status"));
    expect(status.node).toBe("lb");
    expect(await ask("/metrics")).toMatch(/^lintel_server_up\{.*\} 1$/m);
    const product = `${rootfs.path}/lintel`;
    expect(await client.run([product, "status", "--admin", `unix:${socket}`])).toContain("web1");
  });

  it("stops on SIGTERM and takes the address along", async () => {
    Deno.kill(await rootfs.productOf(running), "SIGTERM");
    const { code } = await running.end(10_000);
    expect({ code, holds: balancer.holds(VIP) }).toEqual({ code: 0, holds: false });
  });
});
