/**
 * The failover bench runs and fills in every figure; what the figures are is not tested on a shared
 * machine, but that they are those of the events they are named after.
 */

import { expect, it } from "vitest";

it("puts a pair through everything, and measures it", async () => {
  const options = ["--json", "--quick", "--only", "v3, 10 ms, lintel – lintel"];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/bench.ts", "failover", ...options],
  }).output();
  const decoder = new TextDecoder();
  expect(code, decoder.decode(stderr)).toBe(0);
  const { results: [result], failed, rounds } = JSON.parse(decoder.decode(stdout));
  expect({ failed, rounds }).toEqual({ failed: [], rounds: 1 });
  expect(result).toMatchObject({
    ...{ version: 3, intervalMs: 10, active: "lintel", backup: "lintel" },
  });
  const { events, cpuPercent } = result;
  const some = expect.toSatisfy((figure) => Number.isFinite(figure) && figure > 0);
  for (const event of Object.values(events)) {
    expect(event).toMatchObject({ gapMs: { median: some, min: some, max: some } });
  }
  expect(cpuPercent).toMatchObject({ active: { median: some }, backup: { median: some } });
  // Three intervals at least without a word: nobody can have noticed sooner.
  for (const event of ["SIGKILL", "link down", "partition", "SIGSTOP"]) {
    expect(events[event].gapMs.median, event).toBeGreaterThan(20);
  }
  expect(events.nothing.gapMs.median).toBeLessThan(events.SIGKILL.gapMs.median);
  // The kernel has taken it away, not the bench.
  expect(events.SIGKILL.staleMs.median).toBeLessThan(3_500);
});
