/**
 * What scripts and files are for trackers, on the real system: processes, groups, inotify.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { delay, eventually } from "../../scripts/lab/wait.ts";
import { runCommand } from "../../src/linux/command.ts";
import { watch } from "../../src/appliance/watchers.ts";

let directory: string;
let end: AbortController;

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-watch-" });
  end = new AbortController();
});

afterEach(() => {
  end.abort();
  Deno.removeSync(directory, { recursive: true });
});

const run = (command: readonly string[], timeoutMs = 5_000) =>
  runCommand(command, timeoutMs, end.signal);

/** Whether any process has this text on its command line. */
function isRunning(text: string): boolean {
  return [...Deno.readDirSync("/proc")].some(({ name }) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(text);
    } catch {
      return false;
    }
  });
}

describe("runCommand()", () => {
  it("gives a program exactly its arguments, without a shell", async () => {
    const { ok, detail } = await run(["/usr/bin/printf", "%s|", "a b", "$HOME", "*", "; false"]);
    expect({ ok, detail }).toEqual({ ok: true, detail: "a b|$HOME|*|; false|" });
  });

  it.each([
    [["/bin/sh", "-c", "echo one; echo two >&2; exit 3"], false, "two"],
    [["/bin/true"], true, "ended with 0"],
    [["/bin/false"], false, "ended with 1"],
    [["/bin/sh", "-c", "kill -TERM $$"], false, "ended by SIGTERM"],
    [["/bin/sh", "-c", "printf 'a\\033[31mb\\n\\n'"], true, "a [31mb"],
  ])("keeps the last line of %j", async (command, ok, detail) => {
    expect(await run(command)).toEqual({ ok, detail });
  });

  it("says what cannot be run", async () => {
    const { ok, detail } = await run(["/nowhere/check"]);
    expect(ok).toBe(false);
    expect(detail).toMatch(/^cannot be run: .*\/nowhere\/check/);
  });

  it("ends a program that takes too long, with all that it started", async () => {
    const mark = `sleep 98.${Deno.pid}`.replace(" ", "\0");
    const began = performance.now();
    const script = `sleep 98.${Deno.pid} & sleep 98.${Deno.pid}; :`;
    const { ok, detail } = await run(["/bin/sh", "-c", script], 300);
    expect({ ok, detail }).toEqual({ ok: false, detail: "did not end within 300ms" });
    expect(performance.now() - began).toBeLessThan(2_000);
    await eventually("all of it has ended", () => !isRunning(mark));
  });

  it("does not wait for somebody who has left the group and holds the output", async () => {
    const began = performance.now();
    const { ok, detail } = await run(["/bin/sh", "-c", "echo here; setsid sleep 3 & exit 0"]);
    expect({ ok, detail }).toEqual({ ok: true, detail: "here" });
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  it("ends when it is told to", async () => {
    const running = run(["/bin/sleep", "60"]);
    await delay(100);
    end.abort();
    expect((await running).ok).toBe(false);
  });
});

describe("watch() a script", () => {
  it("runs it at its interval and never twice at once", async () => {
    const log = `${directory}/log`;
    const script = `echo b >> ${log}; sleep 0.25; echo e >> ${log}`;
    let results = 0;
    const plan = {
      type: "script",
      name: "slow",
      command: ["/bin/sh", "-c", script],
      intervalMs: 100,
      timeoutMs: 2_000,
      rise: 1,
      fall: 1,
    } as const;
    const watching = watch(plan, () => results++, end.signal);
    await eventually("three results", () => results >= 3);
    end.abort();
    await watching;
    expect(Deno.readTextFileSync(log).replaceAll("\n", "")).toMatch(/^(be){3,}b?$/);
  });
});

describe("watch() a file", () => {
  const watching = (path: string) => {
    const seen: boolean[] = [];
    const at: number[] = [];
    watch({ type: "file", name: "hold", path }, (ok) => {
      if (seen.at(-1) === ok) return;
      seen.push(ok);
      at.push(performance.now());
    }, end.signal);
    return { seen, at };
  };

  it("notices within moments that it comes and goes", async () => {
    const path = `${directory}/hold`;
    const { seen, at } = watching(path);
    await eventually("the first look", () => seen.length === 1);
    for (let round = 1; round <= 4; round++) {
      await delay(150);
      const since = performance.now();
      if (round % 2 === 1) Deno.writeTextFileSync(path, "");
      else Deno.removeSync(path);
      await eventually("the change", () => seen.length === 1 + round);
      expect((at.at(-1) ?? Infinity) - since).toBeLessThan(500);
    }
    expect(seen).toEqual([true, false, true, false, true]);
  });

  it("notices it in a directory that is made later", async () => {
    const { seen } = watching(`${directory}/later/hold`);
    await eventually("the first look", () => seen.length === 1);
    Deno.mkdirSync(`${directory}/later`);
    Deno.writeTextFileSync(`${directory}/later/hold`, "");
    await eventually("the file", () => seen.length === 2, { deadlineMs: 3_000 });
    Deno.removeSync(`${directory}/later`, { recursive: true });
    await eventually("its end", () => seen.length === 3, { deadlineMs: 3_000 });
    expect(seen).toEqual([true, false, true]);
  });

  it("takes a file that leads nowhere for one that exists", async () => {
    Deno.symlinkSync("/nowhere", `${directory}/hold`);
    const { seen } = watching(`${directory}/hold`);
    await eventually("the first look", () => seen.length === 1);
    expect(seen).toEqual([false]);
  });
});
