/**
 * The bench runs and fills in every figure; what the figures are is not tested on a shared machine.
 */

import { expect, it } from "vitest";

it("measures three loads on both balancers, without a failed request", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/bench.ts", "--json", "--rounds", "1", "--seconds", "1"],
  }).output();
  const decoder = new TextDecoder();
  expect(code, decoder.decode(stderr)).toBe(0);
  const { results, loadAverage } = JSON.parse(decoder.decode(stdout));
  expect(loadAverage.before).toHaveLength(3);
  const positive = expect.toSatisfy((figure) => Number.isFinite(figure) && figure > 0);
  const figures = { cpuMicroseconds: positive, unitsPerSecond: positive };
  for (const load of ["keep-alive requests", "new connections", "bulk"]) {
    expect(results).toContainEqual(expect.objectContaining({
      load,
      medians: {
        HAProxy: expect.objectContaining(figures),
        lintel: expect.objectContaining(figures),
      },
      cpuRatio: positive,
    }));
  }
});
