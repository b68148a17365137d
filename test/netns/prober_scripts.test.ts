/**
 * Checks by programs, on the real system: processes, groups, and what is left of them.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../scripts/lab/wait.ts";
import type { Row } from "../../src/memory/server_table.ts";
import type { Outcome } from "../../src/prober/probe.ts";
import { reclaimScripts, scriptMemory, ScriptProbes } from "../../src/prober/script_probe.ts";
import { checkedServer } from "./prober_servers.ts";

let folder = "";
beforeAll(() => folder = Deno.makeTempDirSync({ prefix: "lintel-script-" }));
afterAll(() => Deno.removeSync(folder, { recursive: true }));

/** Runs a check of one server, until it ends or its time is up. */
function run(
  probes: ScriptProbes,
  command: readonly string[],
  { row = 0, timeoutMs = 10_000 } = {},
): Promise<Outcome> {
  return new Promise((done) => {
    const request = { type: "script", command } as const;
    const probe = probes.start(checkedServer(8080, { request }, row), command, (outcome) => {
      clearTimeout(timer);
      done(outcome);
    });
    const timer = setTimeout(() => done(probe.timeOut()), timeoutMs);
  });
}

/** How many processes have this text on their command line. */
function running(text: string): number {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(text);
    } catch {
      return false;
    }
  }).length;
}

describe("a script check", () => {
  const probes = new ScriptProbes(scriptMemory());

  it("goes by how the program ends, and keeps its last words after a failure", async () => {
    expect(await run(probes, ["/bin/true"])).toEqual({ code: "PROCOK", text: "" });
    expect(await run(probes, ["/bin/sh", "-c", "echo no quorum >&2; exit 2"]))
      .toEqual({ code: "PROCERR", text: "no quorum" });
    expect(await run(probes, ["/nowhere/check"])).toMatchObject({
      code: "PROCERR",
      text: expect.stringContaining("cannot be run"),
    });
  });

  it("is told of its server, without a shell in between", async () => {
    const file = `${folder}/told`;
    const script = 'printf "%s|" "$@" $LINTEL_BACKEND $LINTEL_SERVER $LINTEL_ADDRESS ' +
      `$LINTEL_PORT > ${file}`;
    await run(probes, ["/bin/sh", "-c", script, "x", "a b", "$HOME", "*"], { row: 3 });
    expect(Deno.readTextFileSync(file)).toBe("a b|$HOME|*|b|s3|127.0.0.1|8080|");
  });

  it("is killed with all that it started when its time is up", async () => {
    const mark = `310.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    const outcome = await run(probes, ["/bin/sh", "-c", `sleep ${mark} & sleep ${mark}`], {
      timeoutMs: 300,
    });
    expect(outcome).toEqual({
      code: "PROCTOUT",
      text: "the script did not end in time, and was killed",
    });
    await eventually("the group is gone", () => running(mark) === 0);
    await eventually("there is room again", () => probes.hasRoom(0 as Row));
  });

  it("does not overlap with itself, and few run at once", async () => {
    const some = new ScriptProbes(scriptMemory());
    const hanging = Array.from(
      { length: 16 },
      (_, row) => run(some, ["/bin/sleep", "60"], { row, timeoutMs: 500 }),
    );
    expect(some.hasRoom(0 as Row)).toBe(false);
    expect(some.hasRoom(20 as Row)).toBe(false);
    expect(await run(some, ["/bin/true"], { row: 20 })).toMatchObject({ code: "SOCKERR" });
    await Promise.all(hanging);
    await eventually("there is room again", () => some.hasRoom(20 as Row));
    expect(await run(some, ["/bin/true"], { row: 20 })).toMatchObject({ code: "PROCOK" });
  });

  it("is taken along when the prober's thread dies", async () => {
    const memory = scriptMemory();
    const mark = `320.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    const ended = run(new ScriptProbes(memory), ["/bin/sh", "-c", `sleep ${mark}; true`]);
    await eventually("the script runs", () => running(mark) > 0);
    reclaimScripts(memory);
    expect(await ended).toMatchObject({ code: "PROCERR", text: "ended by SIGKILL" });
    await eventually("the group is gone", () => running(mark) === 0);
  });
});
