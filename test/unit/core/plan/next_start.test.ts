import { expect, it } from "vitest";
import { diff } from "../../../../src/core/plan/diff.ts";
import { reloadable } from "../../../../src/core/plan/next_start.ts";
import { PAIR, planOf } from "../../config/source.ts";

const running = planOf(PAIR, { node: "lb1" });

it("reloadable() keeps what cannot change while it runs, and says what waits", () => {
  const text = `${PAIR}workers: 7
engine: epoll
maxConnections: 10
stateDirectory: /elsewhere
stopTimeout: 1s
admin: { socket: /run/other.sock, probes: "*:9901" }
`;
  const { plan, nextStart } = reloadable(running, planOf(text, { node: "lb1" }));
  expect(nextStart).toEqual([
    { path: "stateDirectory", from: "/var/lib/lintel", to: "/elsewhere" },
    { path: "workers", from: null, to: 7 },
    { path: "engine", from: "auto", to: "epoll" },
    { path: "maxConnections", from: null, to: 10 },
    { path: "admin.socket", from: "/run/lintel/admin.sock", to: "/run/other.sock" },
  ]);
  expect(diff(running, plan).flatMap(({ name, fields }) => fields.map(({ path }) => name + path)))
    .toEqual(["stopTimeoutMs", "adminprobes"]);
});

it.each([
  ["none", "json", [{ path: "log.connections", from: "none", to: "json" }], "none"],
  ["tcplog", "none", [{ path: "log.connections", from: "tcplog", to: "none" }], "tcplog"],
  ["tcplog", "json", [], "json"],
])("reloadable() with log.connections %s, then %s", (before, after, waits, connections) => {
  const planWith = (one: string) =>
    planOf(`${PAIR}log: { level: debug, connections: ${one} }\n`, { node: "lb1" });
  const { plan, nextStart } = reloadable(planWith(before), planWith(after));
  expect(nextStart).toEqual(waits);
  expect(plan.log).toEqual({ level: "debug", format: "text", connections });
});

it("reloadable() has nothing to wait for in the file that runs", () => {
  expect(reloadable(running, running)).toEqual({ plan: running, nextStart: [] });
});
