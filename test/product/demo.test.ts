import { describe, expect, it } from "vitest";
import { Lab } from "../../scripts/lab/lab.ts";

const DEMO = [
  ...[Deno.execPath(), "run", "--quiet", "-A"],
  ...[new URL("../../scripts/demo.ts", import.meta.url).pathname, "--json"],
];

/** As anybody may run it; in the long form also as root. */
const WAYS = Deno.env.get("LINTEL_SOAK") === "1"
  ? Array.from({ length: 10 }, (_, at) => at % 2 === 0 ? "user namespace" : "root")
  : ["user namespace"];

describe("demo", () => {
  it.each(WAYS)("loses nothing in a run as %s", async (way) => {
    await using lab = Lab.create();
    const outer = lab.host("outer");
    const env = { TMPDIR: outer.directory };
    const prefix = way === "root" ? [] : ["unshare", "-Urnm"];
    const command = [...prefix, ...DEMO, "--once"];
    const { code, stdout, output } = await outer.try(command, { env, deadlineMs: 110_000 });
    expect(code, output).toBe(0);
    const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ event: "summary", passed: true, lost: [] });
    const phases = events.filter(({ event }) => event === "phase");
    const names = ["flow", "drain", "kill", "takeover", "return"];
    expect(phases.map(({ phase }) => phase)).toEqual(names);
    for (const phase of phases) expect(phase.longestGapMs).toBeGreaterThan(0);
    expect([...Deno.readDirSync(outer.directory)]).toEqual([]);
  });

  it("cleans up when it is interrupted", async () => {
    await using lab = Lab.create();
    const outer = lab.host("outer");
    const demo = outer.spawn(DEMO, { env: { TMPDIR: outer.directory } });
    await demo.printed(/"phase":"flow"/, 60_000);
    expect([...Deno.readDirSync(outer.directory)]).toHaveLength(1);
    demo.kill("SIGINT");
    expect((await demo.end()).code).toBe(130);
    expect([...Deno.readDirSync(outer.directory)]).toEqual([]);
  });
});
