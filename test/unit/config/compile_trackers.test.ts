import { describe, expect, it } from "vitest";
import { checkAllNodes } from "../../../src/config/load.ts";
import { PAIR, planOf, problemsOf, source } from "./source.ts";

describe("trackers", () => {
  it("have the defaults of the documentation", () => {
    const trackers = `
  uplink: { type: interface, interface: eth1 }
  gateway: { type: script, command: [/usr/bin/ping, -c1, 172.16.0.1] }
  slow: { type: script, command: [/bin/slow], interval: 5s, rise: 2, fall: 3 }
  hold: { type: file, path: /etc/lintel/standby }
`;
    const plan = planOf(`trackers:${trackers}`);
    const script = { type: "script", intervalMs: 1000, timeoutMs: 1000, rise: 1, fall: 1 };
    expect(plan.trackers).toEqual([
      { type: "interface", name: "uplink", interface: "eth1", downDelayMs: 0, upDelayMs: 0 },
      { ...script, name: "gateway", command: ["/usr/bin/ping", "-c1", "172.16.0.1"] },
      {
        ...script,
        name: "slow",
        command: ["/bin/slow"],
        intervalMs: 5000,
        timeoutMs: 5000,
        rise: 2,
        fall: 3,
      },
      { type: "file", name: "hold", path: "/etc/lintel/standby" },
    ]);
  });

  it("take numbers of a command as they are written", () => {
    const plan = planOf("trackers: { a: { type: script, command: [/bin/x, 0123, 1.50] } }");
    expect(plan.trackers[0]).toMatchObject({ command: ["/bin/x", "0123", "1.50"] });
  });

  it.each([
    ["a: { type: interface }", "trackers.a: missing the key interface"],
    ["a: { type: script }", "trackers.a: missing the key command"],
    ["a: { type: file }", "trackers.a: missing the key path"],
    [
      "a: { type: file, path: /a, rise: 2 }",
      "rise is a key of script trackers, and this one is file",
    ],
    ["a: { type: script, command: [/a], upDelay: 2s }", "upDelay is a key of interface trackers"],
    ["a: { type: interface, interface: eth0, path: /a }", "path is a key of file trackers"],
    ["a: { type: interfaces }", "trackers.a.type: found"],
    [
      "a: { type: script, command: [ping] }",
      'command[0]: found "ping"; allowed: a program by its absolute path',
    ],
    ["dataplane: { type: file, path: /a }", "trackers.dataplane: dataplane is built in"],
  ])("{ %s } is refused", (tracker, words) => {
    const problems = problemsOf(`trackers: { ${tracker} }`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words);
  });

  it("that nobody tracks are named", () => {
    const text = `${PAIR.replace("vrid: 1", "vrid: 1, track: { used: yield }")}trackers:
  used: { type: file, path: /a }
  idle: { type: file, path: /b }
`;
    expect(checkAllNodes(text, source()).warnings.map(({ path }) => path)).toEqual([
      "trackers.idle",
    ]);
  });
});
