import { describe, expect, it } from "vitest";
import { fillDefaults } from "../../../src/config/defaults.ts";
import { FileSchema } from "../../../src/config/schema/file.ts";

describe("fillDefaults", () => {
  it("takes timeout, fastInterval and downInterval from interval", () => {
    expect(check({ interval: "7s" })).toEqual({
      type: "tcp",
      interval: "7s",
      timeout: "7s",
      fastInterval: "7s",
      downInterval: "7s",
      rise: 2,
      fall: 3,
    });
    expect(check({ timeout: "1s", fastInterval: "1s", downInterval: "9s" })).toMatchObject({
      timeout: "1s",
      fastInterval: "1s",
      downInterval: "9s",
    });
  });

  it("gives HTTP checks their request, tcp checks none", () => {
    expect(check({ type: "http" })).toMatchObject({ method: "GET", path: "/", status: "200-399" });
    expect(check({ type: "https", verify: "none", path: "/a" })).toMatchObject({ path: "/a" });
    expect(check({})).not.toHaveProperty("path");
  });

  it("gives scripts and interfaces what they have by default", () => {
    const { trackers } = fillDefaults(FileSchema.parse({
      trackers: {
        link: { type: "interface", interface: "eth0", upDelay: "3s" },
        ping: { type: "script", command: ["/bin/ping"], interval: "2s" },
        hold: { type: "file", path: "/hold" },
      },
    }));
    expect(trackers).toEqual({
      link: { type: "interface", interface: "eth0", downDelay: "0s", upDelay: "3s" },
      ping: {
        type: "script",
        command: ["/bin/ping"],
        interval: "2s",
        timeout: "2s",
        rise: 1,
        fall: 1,
      },
      hold: { type: "file", path: "/hold" },
    });
  });

  it("lets a virtual router track the data plane beside what it names", () => {
    const router = { vrid: 1, addresses: ["10.0.0.1"] };
    const { virtualRouters } = fillDefaults(FileSchema.parse({
      virtualRouters: {
        plain: router,
        more: { ...router, track: { hold: "yield" } },
        without: { ...router, track: { dataplane: false } },
      },
    }));
    expect(Object.values(virtualRouters).map(({ track }) => track)).toEqual([
      { dataplane: "auto" },
      { dataplane: "auto", hold: "yield" },
      { dataplane: false },
    ]);
  });

  it("leaves check: none", () => expect(check("none")).toBe("none"));

  it("gives servers the weight and the limit of serverDefaults", () => {
    const config = fillDefaults(FileSchema.parse({
      backends: {
        web: {
          serverDefaults: { weight: 7, maxConnections: 9 },
          servers: {
            a: "10.0.0.1",
            b: { address: "10.0.0.2", weight: 0, maxConnections: 4, state: "maint" },
          },
        },
      },
    }));
    expect(config.backends.web?.servers).toEqual({
      a: { address: "10.0.0.1", weight: 7, backup: false, maxConnections: 9, state: "ready" },
      b: { address: "10.0.0.2", weight: 0, backup: false, maxConnections: 4, state: "maint" },
    });
  });
});

function check(words: unknown) {
  return fillDefaults(FileSchema.parse({ backends: { web: { check: words } } })).backends.web
    ?.check;
}
