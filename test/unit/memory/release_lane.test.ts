import { expect, it } from "vitest";
import { ReleaseLane } from "../../../src/memory/release_lane.ts";

it("ReleaseLane is done when every worker has released what was asked last", () => {
  const lane = new ReleaseLane({ routers: 3, workers: 2 });
  const workers = new ReleaseLane(structuredClone(lane.shape));
  const released: number[] = [];
  const serve = (worker: number) => workers.serve(worker, (router) => released.push(router));
  expect(lane.isDone(1)).toBe(true);
  expect(serve(0)).toBe(false);
  lane.ask(1);
  expect(lane.isDone(1)).toBe(false);
  expect(serve(0)).toBe(true);
  expect(lane.isDone(1)).toBe(false);
  expect(serve(1)).toBe(true);
  expect(lane.isDone(1)).toBe(true);
  expect(released).toEqual([1, 1]);
  lane.ask(0);
  lane.ask(1);
  lane.ask(1);
  expect(serve(1)).toBe(true);
  expect(released).toEqual([1, 1, 0, 1]);
  expect([lane.isDone(0), lane.isDone(1), lane.isDone(2)]).toEqual([false, false, true]);
  // The successor of a worker has nothing to release, and holds up nobody.
  expect(workers.join(0)).toBe(true);
  expect([lane.isDone(0), lane.isDone(1)]).toEqual([true, true]);
  expect([serve(0), workers.join(0)]).toEqual([false, false]);
  expect(released).toEqual([1, 1, 0, 1]);
});
