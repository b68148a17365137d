import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serveAdmin } from "../../../src/admin/serve.ts";
import type { Role } from "../../../src/core/plan/admin_plan.ts";
import { FakeAppliance, makeConnection } from "../admin/fake_appliance.ts";
import { freePort } from "../free_port.ts";
import { FakeTerminal } from "./fake_terminal.ts";
import { runMain } from "./run_main.ts";
import { createHash } from "node:crypto";

let directory: string;
let appliance: FakeAppliance;
let stop: () => Promise<void>;
let port: number;

beforeEach(async () => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-cli-" });
  appliance = new FakeAppliance();
  port = freePort();
  const roles: readonly Role[] = ["viewer", "operator"];
  for (const role of roles) Deno.writeTextFileSync(`${directory}/${role}`, `secret-${role}\n`);
  const server = await serveAdmin(appliance, {
    socket: `${directory}/admin.sock`,
    socketGroup: String(Deno.gid()),
    listen: { address: "127.0.0.1", port },
    tokens: roles.map((role) => ({
      name: role,
      role,
      secretHash: createHash("sha256").update(`secret-${role}`).digest("hex"),
    })),
    probes: null,
    tls: null,
  }, () => {});
  stop = () => server.stop();
});

afterEach(async () => {
  await stop();
  Deno.removeSync(directory, { recursive: true });
});

function lintel(args: string, terminal = new FakeTerminal(overSocket())) {
  return runMain(args.split(" "), terminal);
}

function overSocket() {
  return { LINTEL_ADMIN: `unix:${directory}/admin.sock` };
}

function setActive(...counts: number[]) {
  appliance.servers.forEach((server, at) => {
    const active = counts[at] ?? 0;
    appliance.servers[at] = { ...server, connections: { ...server.connections, active } };
  });
}

describe("status --watch", () => {
  /** A terminal whose owner interrupts as soon as the appliance has ended. */
  function impatient() {
    const terminal = new FakeTerminal(overSocket());
    const out = terminal.out.bind(terminal);
    terminal.out = (text) => {
      out(text);
      appliance.end();
    };
    terminal.onPause = () => {
      throw new Error("interrupted");
    };
    return terminal;
  }

  it("draws over itself what fits, and says that the appliance is away", async () => {
    const terminal = impatient();
    terminal.size = { columns: 20, rows: 4 };
    await expect(lintel("status --watch", terminal)).rejects.toThrow("interrupted");
    const [first, second] = terminal.stdout.split("\x1b[H").slice(1);
    const lines = first!.split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe("lb1  lintel 0.1.0 (e\x1b[K");
    expect(lines[2]).toMatch(/^… and \d+ more lines/);
    expect(second).toContain("the appliance has en\x1b[K");
  });

  it("is for terminals, and with --json for programs", async () => {
    expect(await lintel("status --watch")).toMatchObject({ exitCode: 2, stdout: "" });
    const terminal = impatient();
    await expect(lintel("status --watch --json", terminal)).rejects.toThrow("interrupted");
    expect(JSON.parse(terminal.stdout)).toMatchObject({ node: "lb1" });
  });
});

describe("status", () => {
  it("prints one screen", async () => {
    const { exitCode, stdout } = await lintel("status");
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").map((line) => line.trimEnd())).toEqual([
      "lb1  lintel 0.1.0 (epoll)  pid 4242  up 1m 1s  /etc/lintel/lintel.yaml",
      "",
      "VIRTUAL ROUTER  STATE   SINCE                 PRIORITY  VRID  VERSION  INTERFACE  " +
      "ADDRESSES       LAST PEER",
      "kube-api        backup  2026-01-02T03:04:05Z       100    60  v3       eth0       " +
      "172.16.0.10/32  172.16.0.2 (150)",
      "",
      "FRONTEND        LISTEN            BACKEND  OPEN  TOTAL  DENIED  RECEIVED  SENT",
      "kube-apiserver  172.16.0.10:6443  masters     3   1234       1  10 B      5.0 GB",
      "",
      "SERVER           ADDRESS          ADMIN  HEALTH  CHECK        WEIGHT  OPEN  TOTAL  " +
      "FAILED  REASON",
      ...["masters/master1", "masters/master2", "web/master1    "].map((name) =>
        `${name}  172.16.0.4:6443  ready  up      L4OK 0.5 ms  100        3   1234       2`
      ),
      "",
    ]);
  });

  it("prints the document as JSON", async () => {
    const { stdout } = await lintel("status --json");
    expect(JSON.parse(stdout)).toMatchObject({ node: "lb1", live: { ok: true, causes: [] } });
  });

  it("says why the appliance is not ready", async () => {
    appliance.readinessCauses = ["frontend web has no usable server"];
    expect((await lintel("status")).stdout).toContain("not ready: frontend web has no usable");
  });

  it("says that it is in standby, and which trackers are bad", async () => {
    const said = { until: null, reason: "disk", by: "ops", at: "2026-01-02T03:04:05Z" };
    appliance.standbyState = { enabled: true, ...said };
    const [router] = appliance.virtualRouters();
    const tracker = { name: "uplink", good: false, effect: -20, since: null, detail: "down" };
    if (router) appliance.virtualRouters = () => [{ ...router, trackers: [tracker] }];
    const { stdout } = await lintel("status");
    expect(stdout).toContain("standby is on until it is switched off");
    expect(stdout).toContain("kube-api: tracker uplink (-20: down)");
  });

  it("answers with its exit code alone whether the appliance is live", async () => {
    expect(await lintel("status --live")).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    appliance.livenessCauses = ["the speaker has not been heard for 5 s"];
    const { exitCode, stderr } = await lintel("status --live");
    expect(exitCode).toBe(1);
    expect(stderr).toBe("lintel: not live: the speaker has not been heard for 5 s\n");
  });

  it("colours on a terminal only", async () => {
    const terminal = new FakeTerminal(overSocket());
    terminal.colours = true;
    expect((await lintel("status", terminal)).stdout).toContain("\x1b[32mready\x1b[0m");
    expect((await lintel("status")).stdout).not.toContain("\x1b");
  });
});

describe("changing servers", () => {
  it.each([
    ["drain masters/master1", { state: "drain" }],
    ["maint masters/master1 --reason disk", { state: "maint", reason: "disk" }],
    ["ready masters/master1 --local", { state: "ready" }],
    ["weight masters/master1 0", { weight: 0 }],
    ["weight masters/master1 256 --reason=more", { weight: 256, reason: "more" }],
    ["weight masters/master1 50%", { weight: 50 }],
    ["weight masters/master1 default", { weight: null }],
  ])("lintel %s", async (args, change) => {
    const { exitCode, stdout, stderr } = await lintel(args);
    expect(exitCode).toBe(0);
    expect(appliance.changes).toHaveLength(1);
    expect(appliance.changes[0]).toMatchObject({ reason: null, dryRun: false, ...change });
    expect(stdout).toMatch(
      /^masters\/master1: \w+, weight \d+, 3 connections open \(this node only\)\n$/,
    );
    expect(stderr).toBe("");
  });

  it("says that a restart would lose a change that the disk refuses", async () => {
    appliance.disk = "no space left on device";
    const { exitCode, stdout } = await lintel("weight masters/master1 7");
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringContaining(
        "(this node only; not kept: no space left on device; will be lost at a restart)\n",
      ),
    ]);
  });

  it("changes a server in every backend that has it", async () => {
    const { exitCode, stdout } = await lintel("drain */master1 --json");
    expect(exitCode).toBe(0);
    const { scope, servers } = JSON.parse(stdout);
    expect(scope).toBe("this node only");
    expect(servers.map((one: { backend: string; admin: string }) => [one.backend, one.admin]))
      .toEqual([["masters", "drain"], ["web", "drain"]]);
    expect(appliance.server("masters", "master2")?.admin).toBe("ready");
  });

  it.each([
    ["drain */nobody", /none of the backends masters, web has a server "nobody"/],
    [
      "drain masters/nobody",
      /no server "nobody" in backend "masters"; there are: master1, master2/,
    ],
    ["drain nothing/master1", /no backend "nothing"; there are: masters, web/],
  ])("lintel %s ends 1", async (args, message) => {
    const { exitCode, stderr } = await lintel(args);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
    expect(appliance.changes).toEqual([]);
  });

  it("ends 7 where the appliance's state does not allow it", async () => {
    appliance.conflict = "the appliance is stopping";
    const { exitCode, stderr } = await lintel("maint masters/master1");
    expect(exitCode).toBe(7);
    expect(stderr).toBe("lintel: the appliance is stopping\n");
  });
});

describe("drain --wait", () => {
  it("shows what remains until nothing does", async () => {
    setActive(2, 5, 1);
    const terminal = new FakeTerminal(overSocket());
    const counts = [[2, 5, 1], [1, 5, 0], [0, 5, 0]];
    terminal.onPause = () => setActive(...(counts.shift() ?? []));
    const { exitCode, stderr } = await lintel("drain */master1 --wait 5m", terminal);
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      "3 connections remaining\n1 connection remaining\n0 connections remaining\n",
    );
  });

  it("ends 6 when the deadline passes, and leaves the drain", async () => {
    setActive(2);
    const terminal = new FakeTerminal(overSocket());
    const began = terminal.now();
    const args = "drain masters/master1 --wait 1.2s --then leave";
    const { exitCode, stderr } = await lintel(args, terminal);
    expect(exitCode).toBe(6);
    expect(terminal.now() - began).toBe(1_200);
    expect(stderr).toMatch(
      /deadline has passed; the servers stay drained, 2 connections stay open/,
    );
    expect(appliance.changes).toMatchObject([
      { state: "drain", deadline: { afterMs: 1_200, then: "leave" } },
    ]);
  });

  it("waits for the appliance to kill what remains at the deadline", async () => {
    setActive(7);
    const terminal = new FakeTerminal(overSocket());
    const began = terminal.now();
    // A bounded rate: it takes longer than until the deadline.
    terminal.onPause = () => {
      const lateMs = terminal.now() - began - 2_000;
      if (lateMs > 0) setActive(Math.max(0, 7 - Math.floor(lateMs / 3_000)));
    };
    const { exitCode, stderr } = await lintel(
      "drain masters/master1 --wait 2s --then kill --reason disk --for 2h",
      terminal,
    );
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^7 connections remaining\n6 .*0 connections remaining\n$/s);
    expect(appliance.changes).toMatchObject([{
      ...{ state: "drain", reason: "disk", ttlMs: 7_200_000 },
      deadline: { afterMs: 2_000, then: "kill" },
    }]);
  });

  it("ends 6 where killing does not get on", async () => {
    setActive(7);
    const args = "drain masters/master1 --wait 1s --then kill";
    const { exitCode, stderr } = await lintel(args);
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/7 connections could not be killed/);
  });

  it("prints JSON Lines for machines", async () => {
    setActive(2, 5, 1);
    const terminal = new FakeTerminal(overSocket());
    const counts = [[1, 5, 0], [1, 5, 0], [0, 5, 0]];
    terminal.onPause = () => setActive(...(counts.shift() ?? []));
    const { stdout } = await lintel("drain */master1 --wait 5m --json", terminal);
    const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      {
        ...{ event: "progress", remaining: 3, leftSeconds: 300 },
        servers: [
          { backend: "masters", server: "master1", connections: 2 },
          { backend: "web", server: "master1", connections: 1 },
        ],
      },
      { event: "progress", remaining: 1, leftSeconds: 299.5 },
      { event: "progress", remaining: 0 },
      { event: "drained", scope: "this node only", servers: [{ admin: "drain" }, {}] },
    ]);
  });

  it("writes over its own line on a terminal", async () => {
    setActive(1);
    const terminal = new FakeTerminal(overSocket());
    terminal.live = true;
    terminal.onPause = () => setActive(0);
    const { stderr } = await lintel("drain masters/master1 --wait 5s", terminal);
    expect(stderr).toBe(
      "\r\x1b[K1 connection remaining, 5s left\r\x1b[K0 connections remaining, 5s left\n",
    );
  });

  it("says which backend has how many, where there are several", async () => {
    setActive(1, 0, 0);
    const terminal = new FakeTerminal(overSocket());
    terminal.live = true;
    terminal.onPause = () => setActive(0);
    const { stderr } = await lintel("drain */master1 --wait 5s", terminal);
    expect(stderr).toContain("1 connection remaining (masters 1, web 0), 5s left");
  });
});

describe("overrides", () => {
  const said = { by: "ops", reason: "disk", at: "2026-01-02T03:04:05Z", until: null };

  beforeEach(() => {
    appliance.facts = [
      {
        ...{ ...said, backend: "masters", server: "master1", field: "state", value: "drain" },
        ...{ file: "ready", deadline: { at: "2026-01-02T04:04:05Z", then: "kill" } },
        until: "2026-01-02T05:04:05Z",
      },
      {
        ...{ ...said, backend: "web", server: "master1", field: "weight", value: 7, file: 100 },
        reason: null,
      },
    ];
  });

  it("lists who, when, why, until", async () => {
    const { exitCode, stdout } = await lintel("overrides");
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  "))).toEqual([
      "SERVER  OVERRIDE  BY  SINCE  UNTIL  REASON",
      "masters/master1  drain instead of ready, at 2026-01-02T04:04:05Z kill  ops  " +
      "2026-01-02T03:04:05Z  2026-01-02T05:04:05Z  disk",
      "web/master1  weight 7 instead of 100  ops  2026-01-02T03:04:05Z  -  -",
      "",
    ]);
    expect(JSON.parse((await lintel("overrides --json")).stdout).items).toHaveLength(2);
  });

  it("says that nothing differs", async () => {
    appliance.facts = [];
    expect((await lintel("overrides")).stdout).toBe("nothing differs from the file\n");
  });

  it.each([
    [
      "--clear web/master1",
      1,
      /^web\/master1: weight is as in the file again \(this node only\)\n$/,
    ],
    ["--clear */master1", 0, /masters\/master1: state .*web\/master1: weight/s],
    ["--all", 0, /masters\/master1: state .*web\/master1: weight/s],
  ])("goes back to the file with %s", async (options, left, said) => {
    const { exitCode, stdout } = await lintel(`overrides ${options}`);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(said);
    expect(appliance.facts).toHaveLength(left);
  });

  it("ends 1 where nothing of a server differs", async () => {
    const { exitCode, stderr } = await lintel("overrides --clear web/nobody");
    expect(exitCode).toBe(1);
    expect(stderr).toBe("lintel: nothing of web/nobody differs from the file\n");
  });
});

describe("connections", () => {
  beforeEach(() => {
    appliance.open = [0, 1, 2].map((slot) => makeConnection(`0.${slot}.7`));
  });

  it("lists who is connected to what", async () => {
    const { exitCode, stdout } = await lintel("connections --backend masters");
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").slice(0, 2).map((line) => line.replaceAll(/ {2,}/g, "  "))).toEqual([
      "CLIENT  FRONTEND  SERVER  STATE  AGE  IDLE  RECEIVED  SENT",
      "10.0.0.7:4711  kube-apiserver  masters/master1  established  1h 2m  12s  700 B  5.0 GB",
    ]);
    expect((await lintel("connections --backend web")).stdout).toBe("no connections\n");
  });

  it("reads all pages", async () => {
    appliance.open = Array.from({ length: 2_500 }, (_, slot) => makeConnection(`0.${slot}.7`));
    const { stdout } = await lintel("connections --json");
    expect(JSON.parse(stdout).items).toHaveLength(2_500);
  });

  it("kills what is meant, and says how many", async () => {
    const { exitCode, stdout, stderr } = await lintel(
      "connections --server master1 --client 10.0.0.0/8 --kill --rate 50/s --reason disk",
    );
    expect(exitCode).toBe(0);
    expect(stdout).toBe("3 connections killed (this node only)\n");
    expect(stderr).toBe("");
    expect(appliance.kills).toMatchObject([
      { server: "master1", client: "10.0.0.0/8", perSecond: 50, reason: "disk" },
    ]);
  });

  it("says how long it will take", async () => {
    const { stderr } = await lintel("connections --kill --all --rate 1/s");
    expect(stderr).toBe("killing 3 connections at 1 a second: this takes about 3 s\n");
  });
});

describe("reaching an appliance", () => {
  it("goes over TCP with a token", async () => {
    const admin = `http://127.0.0.1:${port}`;
    const operator = await lintel(
      `drain masters/master1 --admin ${admin} --token-file ${directory}/operator`,
    );
    expect(operator.exitCode).toBe(0);
    const env = { LINTEL_ADMIN: admin, LINTEL_TOKEN_FILE: `${directory}/viewer` };
    expect((await lintel("status", new FakeTerminal(env))).exitCode).toBe(0);
    const viewer = await lintel("drain masters/master1", new FakeTerminal(env));
    expect(viewer.exitCode).toBe(8);
    expect(viewer.stderr).toMatch(/needs the role operator; viewer is viewer/);
  });

  it("ends 8 without a token where one is asked for", async () => {
    const { exitCode, stderr } = await lintel(`status --admin http://127.0.0.1:${port}`);
    expect(exitCode).toBe(8);
    expect(stderr).toMatch(/send a token/);
  });

  it("sends no token in clear", async () => {
    const args = `status --admin http://10.0.0.1:9900 --token-file ${directory}/viewer`;
    const { exitCode, stderr } = await lintel(args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/not sent in clear; use https/);
  });

  it("ends 5 where nobody answers", async () => {
    for (const address of [`unix:${directory}/x`, `http://127.0.0.1:${freePort()}`]) {
      const { exitCode, stderr } = await lintel(`status --admin ${address}`);
      expect(exitCode).toBe(5);
      expect(stderr).toContain(`no appliance answers at ${address}`);
    }
  });

  it("ends 1 where something else answers", async () => {
    const other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      return new Response("<html>", { status: 502 });
    });
    const { exitCode, stderr } = await lintel(`status --admin http://127.0.0.1:${other.addr.port}`);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/answers 502, but not as a lintel does/);
    await other.shutdown();
  });
});

describe("plan", () => {
  function file(text: string): string {
    Deno.writeTextFileSync(`${directory}/lintel.yaml`, text);
    return `${directory}/lintel.yaml`;
  }

  it("prints what would change, and ends with 9 where it is asked to", async () => {
    expect(await lintel(`plan -c ${file("")} --exit-code`)).toMatchObject({
      exitCode: 0,
      stdout: "nothing would change\n",
    });
    appliance.planned = [
      {
        kind: "add",
        what: "listener",
        name: "web *:80",
        fields: [],
        connections: null,
        effect: null,
      },
      {
        ...{ kind: "change", what: "server", name: "web/a", connections: 3, effect: null },
        fields: [{ path: "weight", from: 100, to: 7 }],
      },
      {
        ...{ kind: "remove", what: "virtualRouter", name: "old", fields: [], connections: null },
        effect: "it is active here: 10.0.0.9/32 leave this node",
      },
    ];
    appliance.nextStart = [{ path: "workers", from: null, to: 2 }];
    appliance.remarks = ["override web:a:weight would be over: the file says 7 now instead of 100"];
    const { exitCode, stdout } = await lintel(`plan -c ${file("")} --exit-code`);
    expect([exitCode, stdout]).toEqual([
      9,
      "+ listener web *:80\n" +
      "~ server web/a (3 open connections)\n    weight: 100 → 7\n" +
      "- virtual router old\n    it is active here: 10.0.0.9/32 leave this node\n" +
      "! at the next start:\n    workers: null → 2\n" +
      "override web:a:weight would be over: the file says 7 now instead of 100\n",
    ]);
    expect((await lintel(`plan -c ${file("")}`)).exitCode).toBe(0);
  });

  it("counts what waits for the next start as pending", async () => {
    appliance.nextStart = [
      { path: "workers", from: null, to: 2 },
      { path: "engine", from: "auto", to: "epoll" },
    ];
    expect(await lintel(`plan -c ${file("")} --exit-code`)).toMatchObject({
      exitCode: 9,
      stdout: "! at the next start:\n    workers: null → 2\n" +
        "! at the next start:\n    engine: auto → epoll\n" +
        "nothing would change now; workers, engine wait for the next start\n",
    });
  });

  it("ends with 3 for a file that is invalid, or not there", async () => {
    const { exitCode, stderr } = await lintel(`plan -c ${file("broken")}`);
    expect([exitCode, stderr]).toEqual([3, "lintel: workers: 1:10: found 0; allowed: auto\n"]);
    expect((await lintel("plan -c /nonexistent")).exitCode).toBe(3);
  });
});

describe("complete", () => {
  it.each([
    ["", ["check", "drain", "status"]],
    ["dr", ["drain"]],
    ["drain ", ["masters/master1", "masters/master2", "web/master1"]],
    ["drain masters/master2", ["masters/master2"]],
    ["drain --th", ["--then"]],
    ["drain x --then ", ["kill", "leave"]],
    ["overrides --clear masters/master1", ["masters/master1"]],
    ["failover ", ["kube-api"]],
    ["standby o", ["off", "on"]],
    ["completion ", ["bash", "fish", "zsh"]],
  ])("offers what fits %j", async (typed, offered) => {
    const terminal = new FakeTerminal(overSocket());
    const { exitCode, stdout } = await runMain(["complete", "--", ...typed.split(" ")], terminal);
    expect(exitCode).toBe(0);
    const lines = stdout.trim().split("\n");
    if (typed === "") expect(lines).toEqual(expect.arrayContaining(offered));
    else expect(lines).toEqual(offered);
  });

  it("offers nothing where nobody answers", async () => {
    const away = new FakeTerminal({ LINTEL_ADMIN: "unix:/nonexistent/admin.sock" });
    const ended = await runMain(["complete", "--", "drain", ""], away);
    expect(ended).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  it("works in a real bash", async () => {
    const { stdout: script } = await lintel("completion bash");
    const { stdout } = await new Deno.Command("bash", {
      args: [
        "-c",
        `${script}
        lintel() { shift 2; echo "asked for $*"; }
        COMP_WORDS=(lintel drain "web/") COMP_CWORD=2
        _lintel
        echo "\${COMPREPLY[@]}"`,
      ],
    }).output();
    expect(new TextDecoder().decode(stdout)).toBe("asked for drain web/\n");
  });
});
