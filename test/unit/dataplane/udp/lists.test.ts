import fc from "fast-check";
import { expect, it } from "vitest";
import { Lists } from "../../../../src/dataplane/udp/lists.ts";

it("Lists keep the order of each list, whatever is put in and taken out", () => {
  const step = fc.record({ entry: fc.nat(9), list: fc.nat(3) });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const lists = new Lists(10, 2);
    // The others are added once there are entries.
    const model: number[][] = [[], [], [], []];
    lists.append(0, 9);
    model[0]!.push(9);
    expect([lists.add(), lists.add()]).toEqual([2, 3]);
    for (const { entry, list } of steps) {
      const former = model.find((entries) => entries.includes(entry));
      if (former) {
        former.splice(former.indexOf(entry), 1);
        lists.remove(entry);
      } else {
        model[list]!.push(entry);
        lists.append(list, entry);
      }
      expect([0, 1, 2, 3].map((one) => lists.first(one)))
        .toEqual(model.map((entries) => entries[0] ?? -1));
    }
  }));
});
