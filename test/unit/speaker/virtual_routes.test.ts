import { describe, expect, it } from "vitest";
import type { VirtualRouterPlan } from "../../../src/core/plan/plan.ts";
import { messagesOf } from "../../../src/core/wire/netlink.ts";
import { addRule, priorityOf } from "../../../src/core/wire/rtroute.ts";
import { EEXIST, ENETDOWN, ENOENT, EPERM, ESRCH } from "../../../src/linux/errno.ts";
import { removeLeftRoutes, VirtualRoutes } from "../../../src/speaker/virtual_routes.ts";
import { routerPlan } from "../plans.ts";

const PLAN = routerPlan({
  routes: [{
    ...{ to: "10.1.0.0/16", via: "172.16.0.1", interface: null, source: null },
    ...{ table: 100, metric: null },
  }],
  rules: [{ family: 4, from: "10.2.0.0/16", to: null, table: 100, priority: 50 }],
});

describe("VirtualRoutes", () => {
  it("installs routes, then rules, and takes them away", () => {
    const { routes, requests } = over();
    expect(routes.add()).toEqual([]);
    expect(routes.add()).toEqual([]);
    expect(routes.remove()).toEqual([]);
    expect(routes.remove()).toEqual([]);
    expect(requests).toEqual(["+route", "+rule", "-route", "-rule"]);
  });

  it("leaves alone what was there before it, and says so", () => {
    const { routes, requests } = over(-EEXIST);
    expect(routes.add()).toEqual([{ address: "the route to 10.1.0.0/16", errno: EEXIST }]);
    routes.remove();
    expect(requests).toEqual(["+route", "+rule", "-rule"]);
  });

  it("goes by another plan: what is the same stays, and what is no more goes", () => {
    const { routes, requests } = over();
    routes.add();
    const [route] = PLAN.routes;
    expect(
      routes.change({ ...PLAN, routes: [route!, { ...route!, to: "10.3.0.0/16" }], rules: [] }),
    )
      .toEqual([]);
    routes.add();
    routes.remove();
    expect(requests).toEqual(["+route", "+rule", "-rule", "+route", "-route", "-route"]);
  });

  it("tries again what was refused", () => {
    const { routes, requests } = over(0, -EPERM, -EPERM, 0);
    const refused = { address: "the rule from 10.2.0.0/16 for table 100", errno: EPERM };
    expect([routes.add(), routes.add(), routes.add()]).toEqual([[refused], [refused], []]);
    expect(requests).toEqual(["+route", "+rule", "+rule", "+rule"]);
  });

  it("finds nothing wrong with what the kernel has dropped by itself", () => {
    const { routes } = over(0, 0, -ESRCH, -ENOENT);
    routes.add();
    expect(routes.remove()).toEqual([]);
  });

  it("puts back what is missing, and leaves alone what is there and what it does not hold", () => {
    const { routes, requests } = over(-EEXIST, 0, -EEXIST, 0, -ENETDOWN);
    routes.add();
    const rule = "the rule from 10.2.0.0/16 for table 100";
    expect(routes.restore()).toEqual({ restored: [], problems: [] });
    expect(routes.restore()).toEqual({ restored: [rule], problems: [] });
    expect(routes.restore().problems).toEqual([{ address: rule, errno: ENETDOWN }]);
    expect(routes.restore()).toEqual({ restored: [rule], problems: [] });
    expect(requests).toEqual(["+route", "+rule", "+rule", "+rule", "+rule", "+rule"]);
  });

  it("gives a rule back the priority that the kernel had given it", () => {
    const rule = { family: 4, from: null, to: "10.2.0.0/16", table: 100, priority: null } as const;
    const asked: (number | undefined)[] = [];
    const routes = new VirtualRoutes(routerPlan({ rules: [rule] }), {
      request: (message, take) => {
        const [told] = messagesOf(message);
        asked.push(told && priorityOf(told));
        const given = { ...rule, to: { bytes: new Uint8Array(4), length: 0 }, priority: 32_765 };
        for (const one of messagesOf(addRule(given))) take?.(one);
        return 0;
      },
    });
    routes.add();
    routes.restore();
    routes.remove();
    routes.add();
    expect(asked).toEqual([0, 32_765, undefined, 0]);
  });
});

it("removeLeftRoutes() tells what was there", () => {
  expect(removeLeftRoutes(PLAN, kernel([-ESRCH, 0]).kernel))
    .toEqual(["the rule from 10.2.0.0/16 for table 100"]);
});

function over(...answers: number[]) {
  const { kernel: one, requests } = kernel(answers);
  const routes = new VirtualRoutes(PLAN satisfies VirtualRouterPlan, one);
  routes.moveTo(2);
  return { routes, requests };
}

/** Gives these answers, then 0. */
function kernel(answers: number[]) {
  const requests: string[] = [];
  const request = (message: Uint8Array) => {
    requests.push(TYPES[message[4]!] ?? "?");
    return answers.shift() ?? 0;
  };
  return { kernel: { request }, requests };
}

const TYPES: Readonly<Record<number, string>> = {
  24: "+route",
  25: "-route",
  32: "+rule",
  33: "-rule",
};
