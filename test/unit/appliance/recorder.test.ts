import { describe, expect, it } from "vitest";
import { EventSchema } from "../../../src/admin/model_events.ts";
import { MOST_EVENTS, Recorder } from "../../../src/appliance/recorder.ts";

function memory(before: string[] = []) {
  const lines = [...before];
  return {
    lines,
    read: () => before,
    append: (line: string) => void lines.push(line),
    flush: () => Promise.resolve(),
  };
}

describe("Recorder", () => {
  it("keeps what happens, in order and by the schema, in memory and as lines", () => {
    const disk = memory();
    const recorder = new Recorder("lb1", disk);
    recorder.record({ kind: "tracker", message: "tracker a is bad: down" });
    recorder.record({ kind: "change", message: "weight 0", by: "ops", reason: "disk" });
    expect(recorder.after(0).map((event) => EventSchema.parse(event))).toMatchObject([
      { id: 1, node: "lb1", kind: "tracker", by: null },
      { id: 2, by: "ops", reason: "disk" },
    ]);
    expect(disk.lines.map((line) => JSON.parse(line))).toEqual(recorder.after(0));
    expect(recorder.after(1)).toHaveLength(1);
    expect(recorder.after(2)).toEqual([]);
  });

  it("quotes what servers say in one line, harmlessly", () => {
    const recorder = new Recorder("lb1", memory());
    const said = "L7STS, [-]etcd failed\n\u001b[2Jwithheld";
    expect(recorder.record({ kind: "server", message: `server web/a is down: ${said}` }).message)
      .toBe("server web/a is down: L7STS, [-]etcd failed  [2Jwithheld");
  });

  it("counts on over a restart, and passes over lines that are none of ours", () => {
    const first = memory();
    const before = new Recorder("lb1", first);
    for (let at = 0; at < 3; at++) before.record({ kind: "server", message: `${at}` });
    const [one = "", two = "", three = ""] = first.lines;
    const second = new Recorder("lb1", memory([one, two.slice(0, 20), '{"id":9}', three, ""]));
    expect(second.after(0).map(({ id }) => id)).toEqual([1, 3]);
    expect(second.record({ kind: "server", message: "next" }).id).toBe(4);
  });

  it("forgets the oldest", () => {
    const recorder = new Recorder("lb1", memory());
    for (let at = 0; at < MOST_EVENTS + 5; at++) recorder.record({ kind: "server", message: "" });
    expect(recorder.after(0)).toHaveLength(MOST_EVENTS);
    expect(recorder.after(0)[0]?.id).toBe(6);
  });

  it("keeps what 1,000 servers that come and go would push out, in order", () => {
    const disk = memory();
    const recorder = new Recorder("lb1", disk);
    recorder.record({ kind: "transition", message: "virtual router web is backup" });
    const flap = () => {
      for (const health of ["down", "up"]) {
        for (let at = 0; at < 1_000; at++) {
          recorder.record({ kind: "server", message: `server web/${at} is ${health}` });
        }
      }
    };
    flap();
    recorder.record({ kind: "change", message: 'said "kind":"server"' });
    flap();
    const kept = recorder.after(0);
    expect(kept).toHaveLength(MOST_EVENTS);
    expect(kept.slice(0, 2)).toMatchObject([{ id: 1, kind: "transition" }, { kind: "change" }]);
    expect(kept.map(({ id }) => id)).toEqual(kept.map(({ id }) => id).sort((a, b) => a - b));
    expect(recorder.after(1)[0]).toMatchObject({ kind: "change" });
    expect(new Recorder("lb1", memory(disk.lines)).after(0)).toEqual(kept);
  });

  it("lets servers' events live as long as others that are many", () => {
    const recorder = new Recorder("lb1", memory());
    recorder.record({ kind: "server", message: "server web/a is down" });
    for (let at = 0; at < MOST_EVENTS; at++) recorder.record({ kind: "change", message: "" });
    expect(recorder.after(0)).toHaveLength(MOST_EVENTS);
    for (let at = 0; at < 900; at++) recorder.record({ kind: "server", message: "" });
    expect(recorder.after(0).filter(({ kind }) => kind === "change")).toHaveLength(200);
  });

  it("tells followers until they leave, and sends them away at the end", async () => {
    const recorder = new Recorder("lb1", memory());
    const heard: (number | null)[] = [];
    const leave = recorder.follow((event) => heard.push(event && event.id));
    recorder.follow((event) => heard.push(event && -event.id));
    recorder.record({ kind: "server", message: "" });
    leave();
    recorder.record({ kind: "server", message: "" });
    await recorder.close();
    recorder.follow((event) => heard.push(event && event.id));
    expect(heard).toEqual([1, -1, -2, null, null]);
  });
});
