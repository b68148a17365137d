import { describe, expect, it } from "vitest";
import { SideList } from "../../../src/dataplane/side_list.ts";

describe("SideList", () => {
  it("gives back in order, each once, round and round", () => {
    const list = new SideList(3);
    for (let round = 0; round < 10; round++) {
      for (const side of [2, 0, 2]) list.add(side);
      expect(list.count).toBe(2);
      expect([list.take(), list.take()]).toEqual([2, 0]);
      list.add(1);
      expect(list.take()).toBe(1);
      expect(list.count).toBe(0);
    }
  });
});
