import { describe, expect, it } from "vitest";
import { First } from "../../../../src/core/balance/first.ts";

describe("First.pick()", () => {
  it("chooses the first server of the file for as long as it may be chosen", () => {
    const balancer = new First(3);
    for (let server = 0; server < 3; server++) balancer.set(server, true, 1);
    expect([balancer.pick(), balancer.pick()]).toEqual([0, 0]);
    balancer.set(0, false, 1);
    expect([balancer.pick(), balancer.pick()]).toEqual([1, 1]);
    balancer.set(0, true, 1);
    expect(balancer.pick()).toBe(0);
  });
});
