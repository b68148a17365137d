import { describe, expect, it } from "vitest";
import { Counters } from "../../../src/memory/counters.ts";
import type { Row } from "../../../src/memory/server_table.ts";
import { SERVER_COUNTERS } from "../../../src/memory/traffic.ts";
import { TrafficWatch } from "../../../src/prober/traffic.ts";

describe("TrafficWatch", () => {
  const counters = new Counters({ rows: 2, columns: SERVER_COUNTERS.length, stripes: 2 });
  const watch = new TrafficWatch(counters.shape);
  const first = 0 as Row;
  const count = (stripe: number, column: (typeof SERVER_COUNTERS)[number], amount: number) =>
    counters.add(stripe, 0, SERVER_COUNTERS.indexOf(column), amount);

  it("knows nothing of what was before it", () => {
    count(0, "connectRefused", 5);
    expect(watch.look(first)).toEqual({ errors: 0, successes: 0 });
  });

  it("adds up all workers and all reasons since the last look", () => {
    count(0, "connectRefused", 2);
    count(1, "connectTimeout", 1);
    count(1, "connections", 4);
    expect(watch.look(first)).toEqual({ errors: 3, successes: 4 });
    expect(watch.look(first)).toEqual({ errors: 0, successes: 0 });
    expect(watch.look(1 as Row)).toEqual({ errors: 0, successes: 0 });
  });

  it("does not blame a server for ports that are missing here", () => {
    count(0, "connectNoPort", 10);
    expect(watch.look(first)).toEqual({ errors: 0, successes: 0 });
  });

  it("counts an early reset as an error, and its connection as no success", () => {
    count(0, "connections", 3);
    count(0, "earlyReset", 3);
    count(0, "serverReset", 3);
    expect(watch.look(first)).toEqual({ errors: 3, successes: 0 });
  });

  it("begins anew with a row that is another server's", () => {
    count(0, "connectRefused", 3);
    watch.forget(first);
    expect(watch.look(first)).toEqual({ errors: 0, successes: 0 });
    counters.clear(first);
    expect(watch.look(first)).toEqual({ errors: 0, successes: 0 });
  });
});
