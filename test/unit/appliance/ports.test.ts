import { expect, it } from "vitest";
import { refusedListeners } from "../../../src/appliance/ports.ts";
import type { Plan } from "../../../src/core/plan/plan.ts";
import { planOf } from "../config/source.ts";
import { freePort } from "../free_port.ts";

it("refusedListeners names the ports of the admin API that another program has", () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  const refused = (key: string) => refusedListeners(planWith(`${key}: "127.0.0.1:${port}"`));
  for (const key of ["listen", "probes"]) {
    expect(refused(key)).toMatchObject([{ address: "127.0.0.1", port, isInUse: true }]);
    const named = `admin.${key}: cannot listen on 127.0.0.1:${port}: port ${port} is in use`;
    expect(refused(key)[0]?.message).toContain(named);
  }
});

it("refusedListeners finds nothing wrong with ports that nobody has", () => {
  expect(refusedListeners(planWith(`listen: "127.0.0.1:${freePort()}"`))).toEqual([]);
});

function planWith(admin: string): Plan {
  return planOf(`admin: { ${admin} }
frontends: {}
backends: {}
`);
}
