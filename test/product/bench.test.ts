/**
 * The bench runs and fills in every figure; what the figures are is not tested on a shared machine.
 */

import { expect, it } from "vitest";

it("measures every workload on all balancers, without a failed request", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/bench.ts", "--json", "--quick"],
  }).output();
  const decoder = new TextDecoder();
  expect(code, decoder.decode(stderr)).toBe(0);
  const printed = decoder.decode(stdout);
  const { results, loadAverage } = JSON.parse(printed);
  expect(loadAverage.before).toHaveLength(3);
  const positive = expect.toSatisfy((figure) => Number.isFinite(figure) && figure > 0);
  const requests = { cost: positive, total: positive, perSecond: positive, p99: positive };
  const workloads = {
    "keep-alive requests": requests,
    "new connections": requests,
    "bulk": requests,
    // A collection of garbage may make it less than nothing.
    "idle connections": { cost: expect.toSatisfy(Number.isFinite) },
  };
  for (const [workload, figures] of Object.entries(workloads)) {
    const each = expect.objectContaining(figures);
    expect(results, printed).toContainEqual(expect.objectContaining({
      workload,
      variants: expect.objectContaining({
        "HAProxy": each,
        "HAProxy best": each,
        "lintel epoll": each,
      }),
      goals: expect.arrayContaining([expect.objectContaining({ name: "lintel epoll" })]),
    }));
  }
});
