import { describe, expect, test } from "vitest";
import { Applying, type Step } from "../../../src/appliance/applying.ts";
import { planOf } from "../config/source.ts";

const OLD = planOf("backends: {}\n");
const NEW = planOf("backends: {}\nlog: { level: debug }\n");

describe("Applying", () => {
  test("gives a plan to one part after the other", async () => {
    const told: string[] = [];
    const applying = new Applying(OLD, [noting(told, "one"), noting(told, "two")]);
    await applying.apply(NEW);
    expect(told).toEqual(["one debug", "two debug"]);
    expect(applying.plan).toBe(NEW);
  });

  test("a part that fails, and all before it, are given the old plan again", async () => {
    const told: string[] = [];
    const failing = noting(told, "listen", (plan, isUndo) => {
      if (!isUndo) throw new Error("port 80 is in use");
      expect(plan).toBe(OLD);
    });
    const applying = new Applying(OLD, [
      noting(told, "one"),
      noting(told, "two"),
      failing,
      noting(told, "three"),
    ]);
    await expect(applying.apply(NEW)).rejects.toThrow("could not listen: port 80 is in use");
    expect(told).toEqual([
      ...["one debug", "two debug", "listen debug"],
      ...["listen info (undo)", "two info (undo)", "one info (undo)"],
    ]);
    expect(applying.plan).toBe(OLD);
  });

  test("what cannot be made as it was is told, and the rest is", async () => {
    const told: string[] = [];
    const stubborn = noting(told, "log", (_, isUndo) => {
      if (isUndo) throw new Error("the disk is full");
    });
    const failing = noting(told, "listen", (_, isUndo) => {
      if (!isUndo) throw new Error("no");
    });
    const applying = new Applying(OLD, [noting(told, "one"), stubborn, failing]);
    await expect(applying.apply(NEW)).rejects.toThrow(
      "could not listen: no; and could not log as before: the disk is full",
    );
    expect(told.at(-1)).toBe("one info (undo)");
  });
});

function noting(told: string[], name: string, then: Step["apply"] = () => {}): Step {
  return {
    name,
    apply(plan, isUndo) {
      told.push(`${name} ${plan.log.level}${isUndo ? " (undo)" : ""}`);
      return then(plan, isUndo);
    },
  };
}
