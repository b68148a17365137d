import { expect, it } from "vitest";
import { FileSchema } from "../../../../src/config/schema/file.ts";

it("FileSchema has the defaults of the documentation", () => {
  expect(FileSchema.parse({})).toEqual({
    log: { level: "info", format: "text", connections: "none" },
    stateDirectory: "/var/lib/lintel",
    watch: false,
    workers: "auto",
    engine: "auto",
    maxConnections: "auto",
    stopTimeout: "30s",
    admin: { socket: "/run/lintel/admin.sock", socketGroup: "root" },
    trackers: {},
    virtualRouters: {},
    syncGroups: {},
    frontends: {},
    backends: {},
  });
});

it.each([
  { nodes: { a: {} } },
  { nodes: { a: { addresses: [] } } },
  { nodes: { a: { addresses: ["10.0.0.1", "10.0.0.2", "10.0.0.3"] } } },
  { stateDirectory: "relative" },
  { workers: 0 },
  { workers: "2" },
  { admin: { socket: `/${"x".repeat(107)}` } },
  { admin: { tokens: [] } },
  { admin: { tokens: [{ name: "a", role: "admin" }] } },
  { anything: 1 },
])("FileSchema refuses %j", (file) => expect(FileSchema.safeParse(file).success).toBe(false));
