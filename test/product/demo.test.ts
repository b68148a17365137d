import { describe, expect, it } from "vitest";
import { Lab } from "../../scripts/lab/lab.ts";

const DEMO = new URL("../../scripts/demo.ts", import.meta.url).pathname;
const soak = Deno.env.get("LINTEL_SOAK") === "1";

describe("demo", () => {
  it("passes in a user namespace, as anybody may run it", async () => {
    await passes(["unshare", "-Urnm", Deno.execPath(), "run", "--quiet", "-A", DEMO]);
  });

  it.runIf(soak)("passes ten times as root", async () => {
    for (let time = 0; time < 10; time++) {
      await passes([Deno.execPath(), "run", "--quiet", "-A", DEMO]);
    }
  });

  it("cleans up when it is interrupted", async () => {
    await using lab = Lab.create();
    const demo = lab.host("outer").script(DEMO, ["--json"]);
    await demo.printed(/"phase":"flow"/, 60_000);
    const [directory] = directories().filter((path) => path !== lab.directory);
    expect(directory).toBeDefined();
    demo.kill("SIGINT");
    expect((await demo.end()).code).toBe(130);
    expect(directories()).not.toContain(directory);
  });
});

/** Runs the tour in a host of its own, so that what it should leave behind would be found there. */
async function passes(command: readonly string[]): Promise<void> {
  await using lab = Lab.create();
  const outer = lab.host("outer");
  const { code, stdout, output } = await outer.try([...command, "--once", "--json"], {
    deadlineMs: 110_000,
  });
  expect(code, output).toBe(0);
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
  expect(events.at(-1)).toMatchObject({ event: "summary", passed: true, lost: [] });
  const phases = events.filter(({ event }) => event === "phase");
  expect(phases.map(({ phase }) => phase)).toEqual(["flow", "drain", "kill", "takeover", "return"]);
  for (const phase of phases) expect(phase.longestGapMs).toBeGreaterThan(0);
}

/** The labs on this machine. */
function directories(): string[] {
  return [...Deno.readDirSync("/tmp")].map(({ name }) => `/tmp/${name}`)
    .filter((path) => path.startsWith("/tmp/lintel-lab-"));
}
