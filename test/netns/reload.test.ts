/**
 * Reloads of the product under load: what has changed is applied, all of it or nothing, and what
 * has not changed does not notice.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../../scripts/lab/wait.ts";
import { HeldConnection } from "./held_connection.ts";
import { COMMON } from "./product.ts";
import { ReloadRig } from "./reload_rig.ts";
import { wrk } from "./wrk.ts";

const FRONTEND = `  web: { listen: "172.16.0.2:80", backend: web }`;
const CHECK = `check: { type: tcp, interval: 200ms }`;
const BEFORE = `workers: 1
frontends:
${FRONTEND}
backends:
  web: { ${CHECK}, servers: { web1: "172.16.0.21:80" } }
`;
const AFTER = `workers: 1
frontends:
${FRONTEND}
  more: { listen: "172.16.0.2:81", backend: web }
backends:
  web: { ${CHECK}, servers: { web1: "172.16.0.21:80", web2: "172.16.0.22:80" } }
`;
const RENAMED = `workers: 1
frontends:
  site: { listen: "172.16.0.2:80", backend: site }
backends:
  site: { ${CHECK}, servers: { one: "172.16.0.21:80" } }
`;

let rig: ReloadRig;

beforeAll(async () => {
  rig = await ReloadRig.create();
  await rig.start(BEFORE);
});

afterAll(() => rig?.[Symbol.asyncDispose]());

beforeEach(async () => {
  rig.write(BEFORE);
  const { code, output } = await rig.verb("reload");
  expect(code, output).toBe(0);
});

describe("lintel reload", () => {
  it("applies what is other than before, under load, and prints it", async () => {
    using held = await HeldConnection.open(rig.client, "172.16.0.2", 80);
    const load = wrk(rig.client, "http://172.16.0.2/", { connections: 8, seconds: 4, pauseMs: 2 });
    const fresh = wrk(rig.client, "http://172.16.0.2/", {
      ...{ connections: 8, seconds: 4, close: true, pauseMs: 2 },
    });
    rig.write(AFTER);
    const { code, stdout } = await rig.verb("reload", "--reason", "more of it");
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^\+ server web\/web2\n\+ frontend more\n\+ listener more 172.16.0.2:81\nreloaded from /,
      ),
    ]);
    await answersOn(81);
    await eventually(
      "web2 is up",
      async () => (await rig.lintel.server("web2")).health.state === "up",
    );
    rig.write(BEFORE);
    const back = await rig.verb("reload");
    expect(back.stdout).toMatch(
      /^- listener more 172.16.0.2:81\n- frontend more.*\n- server web\/web2.*\nreloaded from /,
    );
    await eventually("nobody listens any more", async () => !await answers(81));
    expect((await load).errors).toEqual({});
    expect((await fresh).errors).toEqual({});
    expect(await held.ask()).toBe("web1");
    const { items } = await rig.lintel.json("GET", "/v1/events") as Events;
    expect(items.filter(({ kind }) => kind === "reload")).toContainEqual(expect.objectContaining({
      ...{ by: expect.stringMatching(/^root /), reason: "more of it" },
      message: "the configuration was reloaded: 3 added",
    }));
  });

  it("says what is wrong with a file, and the old one runs on", async () => {
    rig.write(`${AFTER}stopTimeout: 5\nfrontend: {}\n`);
    const { code, output } = await rig.verb("reload");
    expect(code).toBe(3);
    expect(output).toMatch(/stopTimeout: \d+:14: found 5; allowed: a duration/);
    expect(output).toMatch(/frontend: \d+:1: unknown key; did you mean frontends\?/);
    expect(await rig.metric("lintel_config_last_reload_successful")).toBe(0);
    const { lastReload } = await rig.configuration();
    expect(lastReload).toMatchObject({ successful: false, problems: [{}, {}].map(anything) });
    await answersOn(80);
    rig.write(BEFORE);
    const { stdout } = await rig.verb("reload");
    expect(stdout).toMatch(/^nothing changed: what runs is what .*lintel.yaml says/);
    expect(await rig.metric("lintel_config_last_reload_successful")).toBe(1);
  });

  it("undoes everything where a listener cannot be opened", async () => {
    using _other = rig.balancer.inside(() => Deno.listen({ hostname: "172.16.0.2", port: 82 }));
    using held = await HeldConnection.open(rig.client, "172.16.0.2", 80);
    const load = wrk(rig.client, "http://172.16.0.2/", {
      ...{ connections: 8, seconds: 3, close: true, pauseMs: 2 },
    });
    const both = `  last: { listen: "172.16.0.2:82", backend: web }\nbackends:`;
    rig.write(AFTER.replace("backends:", both));
    const { code, output } = await rig.verb("reload");
    expect([code, output]).toEqual([7, expect.stringMatching(/172.16.0.2:82.*runs on/s)]);
    expect(await rig.metric("lintel_config_last_reload_successful")).toBe(0);
    expect(await answers(81)).toBe(false);
    expect((await load).errors).toEqual({});
    expect(await held.ask()).toBe("web1");
    expect((await rig.lintel.backend()).servers.map(({ name }) => name)).toEqual(["web1"]);
  });

  it("refuses nobody while the only server moves, and what leads to it is renamed", async () => {
    const load = wrk(rig.client, "http://172.16.0.2/", {
      ...{ connections: 8, seconds: 4, close: true, pauseMs: 1 },
    });
    for (let at = 0; at < 10; at++) {
      rig.write([RENAMED, BEFORE, BEFORE.replace("0.21", "0.22"), BEFORE][at % 4]!);
      const response = await rig.lintel.ask("POST", "/v1/config/reload");
      expect(response.status, await response.text()).toBe(200);
    }
    const { errors, requests } = await load;
    expect(errors).toEqual({});
    expect(requests).toBeGreaterThan(100);
  });

  it("only looks where it is a dry run, and tells what waits for the next start", async () => {
    rig.write(AFTER.replace("workers: 1", "workers: 2"));
    const { code, stdout } = await rig.verb("reload", "--dry-run");
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\+ server web\/web2\n/)]);
    expect(stdout).toMatch(/\n! at the next start:\n {4}workers: 1 → 2\n/);
    expect(await answers(81)).toBe(false);
  });
});

describe("the file", () => {
  it("is read again on SIGHUP, and a storm of them ends with its last text", async () => {
    const load = wrk(rig.client, "http://172.16.0.2/", {
      ...{ connections: 8, seconds: 4, close: true, pauseMs: 2 },
    });
    for (let at = 0; at < 100; at++) {
      rig.write(at % 2 === 0 ? AFTER : BEFORE);
      rig.lintel.process.kill("SIGHUP");
      if (at % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    rig.write(AFTER);
    rig.lintel.process.kill("SIGHUP");
    await answersOn(81);
    expect((await load).errors).toEqual({});
    expect((await rig.configuration()).lastReload).toMatchObject({ by: "SIGHUP" });
    expect(await rig.metric("lintel_config_last_reload_successful")).toBe(1);
  });

  it("is watched where it says so, also as a ConfigMap, and a bad one is told once", async () => {
    const map = `${rig.balancer.directory}/map`;
    Deno.mkdirSync(map);
    let versions = 0;
    const exchange = (config: string) => {
      const version = `..version${versions++}`;
      Deno.mkdirSync(`${map}/${version}`);
      Deno.writeTextFileSync(`${map}/${version}/lintel.yaml`, `${COMMON}${config}`);
      Deno.symlinkSync(version, `${map}/..data_tmp`);
      Deno.renameSync(`${map}/..data_tmp`, `${map}/..data`);
    };
    exchange(`${BEFORE}watch: true\n`);
    Deno.symlinkSync("..data/lintel.yaml", `${map}/lintel.yaml`);
    const file = `${rig.balancer.directory}/lintel.yaml`;
    Deno.removeSync(file);
    Deno.symlinkSync(`${map}/lintel.yaml`, file);
    expect((await rig.verb("reload")).code).toBe(0);
    exchange(`${AFTER}watch: true\n`);
    await answersOn(81);
    exchange("nonsense: true\n");
    const refused = /not reloaded, what ran before runs on: [^\n]*nonsense/g;
    await rig.lintel.process.printed(refused);
    exchange("nonsense: true\n");
    exchange(`${BEFORE}watch: true\n`);
    await eventually("nobody listens any more", async () => !await answers(81));
    expect(rig.lintel.process.output.match(refused)).toHaveLength(1);
    expect((await rig.configuration()).lastReload).toMatchObject({ by: "watch" });
    Deno.removeSync(file);
  });

  it("is kept where it was good, for its owner only", async () => {
    rig.write(AFTER);
    await rig.verb("reload");
    const { kept, hash } = await rig.configuration();
    expect(kept[0]?.hash).toBe(hash);
    expect(kept.length).toBeLessThanOrEqual(10);
    expect(Deno.statSync(kept[0]!.file).mode! & 0o777).toBe(0o600);
    expect(Deno.readTextFileSync(kept[0]!.file)).toContain(AFTER);
  });
});

interface Events {
  readonly items: readonly { readonly kind: string }[];
}

function anything(): unknown {
  return expect.anything();
}

async function answersOn(port: number): Promise<void> {
  await eventually(`port ${port} answers`, () => answers(port));
}

async function answers(port: number): Promise<boolean> {
  const url = `http://172.16.0.2:${port}/`;
  const { code } = await rig.client.try(["curl", "-s", "-o", "/dev/null", "-m", "2", url]);
  return code === 0;
}
