/**
 * A day without a byte, in virtual time: what a watch on a kube-apiserver may be like.
 */

import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import type { BackendPlan } from "../../src/core/plan/plan.ts";
import type { Endpoint } from "./relay_kernel.ts";
import { World } from "./relay_world.ts";

const DAY_MS = 24 * 3_600_000;

it("an idle connection lives for a day with the profile for a kube-apiserver", () => {
  const { idleTimeoutMs, keepalive } = planned("profile: kube-apiserver");
  const { world, ends } = idle({ idleTimeoutMs, keepalive });
  world.pass(DAY_MS - 10_000);
  expect(ends.map(({ isDead }) => isDead)).toEqual([false, false]);
  world.pass(11_000);
  expect(ends.map(({ isDead }) => isDead)).toEqual([true, true]);
  expect(world.server(0, "idleTimeout")).toBe(1);
});

it("without a profile, it lives for an hour", () => {
  const { idleTimeoutMs, keepalive } = planned("check: none");
  const { world, ends } = idle({ idleTimeoutMs, keepalive });
  world.pass(3_590_000);
  expect(ends.map(({ isDead }) => isDead)).toEqual([false, false]);
  world.pass(11_000);
  expect(ends.map(({ isDead }) => isDead)).toEqual([true, true]);
});

/** One connection over which a byte has gone. */
function idle(backend: Partial<BackendPlan>) {
  const world = new World({ servers: 1, backend });
  const servers: Endpoint[] = [];
  world.kernel.answer = () => ({ accept: (end) => servers.push(end) });
  const client = world.kernel.dial(world.listener);
  client.send(Uint8Array.of(1));
  world.run(() => servers[0]?.recv(new Uint8Array(1)) === 1);
  return { world, ends: [client, ...servers] };
}

/** What a backend that says so is like. */
function planned(said: string): BackendPlan {
  const text = `
frontends: { api: { listen: "192.0.2.1:6443", backend: api } }
backends: { api: { ${said}, servers: { one: "192.0.2.100:6443" } } }`;
  const source = { file: "idle.yaml", env: {}, readFile: () => "", host: null };
  const { plan } = loadConfig(text, source);
  if (!plan) throw new Error("it does not load");
  return plan.backends[0]!;
}
