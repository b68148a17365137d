import { expect, it } from "vitest";
import { TrackerSchema, TrackSchema } from "../../../../src/config/schema/tracker.ts";

it.each([
  {},
  { type: "process" },
  { type: "interface", interface: "a name that is too long" },
  { type: "interface", interface: "eth0", downDelay: "-1s" },
  { type: "script", command: "/bin/true" },
  { type: "script", command: [] },
  { type: "script", command: [""] },
  { type: "script", command: ["true"] },
  { type: "script", command: ["/"] },
  { type: "script", command: ["/bin/"] },
  { type: "script", command: ["/bin/true"], interval: "0s" },
  { type: "script", command: ["/bin/true"], rise: 0 },
  { type: "file", path: "standby" },
  { type: "file", path: "/etc/standby", weight: 5 },
])("TrackerSchema refuses %j", (tracker) => {
  expect(TrackerSchema.safeParse(tracker).success).toBe(false);
});

it.each([
  { uplink: "yield" },
  { uplink: -253 },
  { uplink: 253 },
  { dataplane: "auto" },
  { dataplane: false },
  { dataplane: {} },
  { dataplane: { frontends: ["web"], minUsable: 2, effect: -30 } },
])("TrackSchema takes %j", (track) => expect(TrackSchema.safeParse(track).success).toBe(true));

it.each([
  { uplink: 0 },
  { uplink: 254 },
  { uplink: 1.5 },
  { uplink: "fault" },
  { uplink: true },
  { "a b": "yield" },
  { dataplane: { frontends: [] } },
  { dataplane: { minUsable: 0 } },
  { dataplane: { effect: 5 } },
  { dataplane: { effect: false } },
])("TrackSchema refuses %j", (track) => expect(TrackSchema.safeParse(track).success).toBe(false));
