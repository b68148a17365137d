import { describe, expect, it } from "vitest";
import { createMetrics } from "../../../src/metrics/registry.ts";
import { ROUTER_STATISTICS } from "../../../src/metrics/router_statistics.ts";
import type { Sources } from "../../../src/metrics/sources.ts";

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format strictly: a line that is none of it fails the test. */
function parse(text: string): { lines: Line[]; types: Map<string, string> } {
  const types = new Map<string, string>();
  const lines: Line[] = [];
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type?.[1] && type[2]) types.set(type[1], type[2]);
    if (line === "" || line.startsWith("# ")) continue;
    const sample = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    const pairs = [...(sample?.[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    const labels = Object.fromEntries(pairs.map(([, key, value]) => [key, value]));
    lines.push({ name: sample?.[1] ?? "", labels, value: Number(sample?.[3]) });
  }
  return { lines, types };
}

function makeServer(name: string, admin: string) {
  return {
    backend: "masters",
    name,
    admin,
    health: { state: "up", latencySeconds: name === "master1" ? 0.25 : null },
    weight: { effective: 100 },
    connections: { active: 3, queued: 0, total: 6_000_000_000 },
    failures: { connectTimeout: 0, connectRefused: 2 },
  };
}

function makeSources(): Sources {
  return {
    node: () => ({
      version: "0.1.0",
      engine: "epoll",
      configuration: {
        hash: "abcd",
        loadedAt: "2026-01-02T03:04:05.500Z",
        lastReloadSuccessful: true,
      },
      workers: [
        { name: "dataplane-0", connections: 7 },
        { name: "speaker", connections: null },
      ],
      standby: { enabled: true },
      overrides: 4,
      lostLogLines: 3,
    }),
    frontends: () => [{
      name: 'odd "name"\\',
      connections: { active: 1, total: 5 },
      bytes: { received: 10, sent: 20 },
      denied: { noServer: 0, limit: 4 },
      evictedSessions: 6,
    }],
    backends: () => [{
      name: "masters",
      usableServers: 1,
      servers: [makeServer("master1", "ready"), makeServer("master2", "drain")],
    }],
    virtualRouters: () => [{
      name: "kube-api",
      state: "active",
      priority: { effective: 150 },
      trackers: [{ name: "uplink", good: true }, { name: "dataplane", good: false }],
      counters: {
        advertisementsSent: 17,
        advertisementsReceived: 2,
        advertisementsRejected: { checksum: 0, ttl: 1 },
        announcements: 5,
        transitions: [
          { state: "active", reason: "timeout", total: 1 },
          { state: "backup", reason: "startup", total: 1 },
        ],
        statistics: { advertisementsSent: 17, advertisementsReceived: 2, sendErrors: 3 },
      },
    }],
    connectDuration: () => ({
      bounds: [0.001, 0.5],
      series: [{ label: "masters", counts: [3, 2, 1], sum: 4.25 }],
    }),
    advertisementAge: () => ({
      bounds: [1],
      series: [{ label: "kube-api", counts: [0, 0], sum: 0 }],
    }),
    workerLag: () => ({
      bounds: [1],
      series: [
        { label: "dataplane-0", counts: [2, 0], sum: 0.5 },
        { label: "speaker", counts: [0, 1], sum: 2 },
      ],
    }),
  };
}

async function scrape(sources = makeSources()) {
  const { lines, types } = parse(await createMetrics(sources)());
  const value = (name: string, labels: Readonly<Record<string, string>> = {}) => {
    const found = lines.filter((line) =>
      line.name === name && Object.entries(labels).every(([key, is]) => line.labels[key] === is)
    );
    expect(found, name).toHaveLength(1);
    return found[0]?.value;
  };
  return { lines, types, value };
}

describe("createMetrics", () => {
  it("exports exactly the names of the interface, each with its type", async () => {
    const { types } = await scrape();
    expect(Object.fromEntries(types)).toEqual({
      lintel_build_info: "gauge",
      lintel_config_info: "gauge",
      lintel_config_last_reload_successful: "gauge",
      lintel_config_last_reload_success_timestamp_seconds: "gauge",
      lintel_overrides: "gauge",
      lintel_standby: "gauge",
      lintel_cluster_peer_up: "gauge",
      lintel_connection_log_lost_total: "counter",
      lintel_frontend_connections: "gauge",
      lintel_frontend_connections_total: "counter",
      lintel_frontend_denied_connections_total: "counter",
      lintel_frontend_evicted_sessions_total: "counter",
      lintel_frontend_received_bytes_total: "counter",
      lintel_frontend_sent_bytes_total: "counter",
      lintel_backend_usable_servers: "gauge",
      lintel_backend_connect_duration_seconds: "histogram",
      lintel_server_up: "gauge",
      lintel_server_admin_state: "gauge",
      lintel_server_effective_weight: "gauge",
      lintel_server_connections: "gauge",
      lintel_server_queued_connections: "gauge",
      lintel_server_connections_total: "counter",
      lintel_server_failures_total: "counter",
      lintel_server_last_check_duration_seconds: "gauge",
      lintel_virtual_router_state: "gauge",
      lintel_virtual_router_effective_priority: "gauge",
      lintel_virtual_router_tracker_good: "gauge",
      lintel_virtual_router_transitions_total: "counter",
      lintel_virtual_router_advertisements_rejected_total: "counter",
      ...Object.fromEntries(ROUTER_STATISTICS.map(({ name }) => [name, "counter"])),
      lintel_virtual_router_advertisement_age_seconds: "histogram",
      lintel_worker_lag_seconds: "histogram",
      lintel_worker_connections: "gauge",
      process_cpu_seconds_total: "counter",
      process_start_time_seconds: "gauge",
      process_resident_memory_bytes: "gauge",
      process_virtual_memory_bytes: "gauge",
      process_open_fds: "gauge",
      process_max_fds: "gauge",
    });
  });

  it("labels a server always with its backend, and never with an address", async () => {
    const { lines } = await scrape();
    for (const { name, labels } of lines.filter((line) => line.name.startsWith("lintel_server_"))) {
      expect(Object.keys(labels), name).toEqual(expect.arrayContaining(["backend", "server"]));
    }
    const keys = new Set(lines.flatMap(({ labels }) => Object.keys(labels)));
    expect([...keys].sort()).toEqual([
      "backend",
      "deno",
      "engine",
      "frontend",
      "hash",
      "le",
      "reason",
      "server",
      "state",
      "tracker",
      "version",
      "virtual_router",
      "worker",
    ]);
  });

  it("exports states one-hot", async () => {
    const { value } = await scrape();
    const admin = (server: string, state: string) =>
      value("lintel_server_admin_state", { server, state });
    expect(["ready", "drain", "maint"].map((state) => admin("master1", state))).toEqual([1, 0, 0]);
    expect(["ready", "drain", "maint"].map((state) => admin("master2", state))).toEqual([0, 1, 0]);
    expect(
      ["initialize", "backup", "active"].map((state) =>
        value("lintel_virtual_router_state", { state })
      ),
    ).toEqual([0, 0, 1]);
  });

  it("exports standby, trackers and what the speaker counts", async () => {
    const { value } = await scrape();
    expect(value("lintel_standby")).toBe(1);
    expect(value("lintel_connection_log_lost_total")).toBe(3);
    expect(value("lintel_virtual_router_tracker_good", { tracker: "uplink" })).toBe(1);
    expect(value("lintel_virtual_router_tracker_good", { tracker: "dataplane" })).toBe(0);
    expect(value("lintel_virtual_router_send_errors_total")).toBe(3);
    expect(value("lintel_virtual_router_late_wakeups_total")).toBe(0);
  });

  it("exports every reason, also those at 0", async () => {
    const { value } = await scrape();
    expect(value("lintel_frontend_denied_connections_total", { reason: "noServer" })).toBe(0);
    expect(value("lintel_frontend_denied_connections_total", { reason: "limit" })).toBe(4);
    expect(value("lintel_frontend_evicted_sessions_total")).toBe(6);
    const failures = { server: "master2", reason: "connectTimeout" };
    expect(value("lintel_server_failures_total", failures)).toBe(0);
    const rejected = "lintel_virtual_router_advertisements_rejected_total";
    expect(value(rejected, { reason: "checksum" })).toBe(0);
    expect(value(rejected, { reason: "ttl" })).toBe(1);
    const transition = { state: "active", reason: "timeout" };
    expect(value("lintel_virtual_router_transitions_total", transition)).toBe(1);
  });

  it("writes histograms with cumulated buckets, sum and count", async () => {
    const { lines, value } = await scrape();
    const name = "lintel_backend_connect_duration_seconds";
    const buckets = lines.filter((line) => line.name === `${name}_bucket`);
    expect(buckets.map(({ labels, value }) => [labels.backend, labels.le, value])).toEqual([
      ["masters", "0.001", 3],
      ["masters", "0.5", 5],
      ["masters", "+Inf", 6],
    ]);
    expect(value(`${name}_sum`)).toBe(4.25);
    expect(value(`${name}_count`)).toBe(6);
    expect(value("lintel_worker_lag_seconds_count", { worker: "speaker" })).toBe(1);
  });

  it("writes plain values", async () => {
    const { lines, value } = await scrape();
    expect(value("lintel_server_connections_total", { server: "master1" })).toBe(6_000_000_000);
    expect(value("lintel_overrides")).toBe(4);
    expect(value("lintel_config_info", { hash: "abcd" })).toBe(1);
    expect(value("lintel_config_last_reload_success_timestamp_seconds")).toBe(1767323045.5);
    expect(value("lintel_worker_connections", { worker: "dataplane-0" })).toBe(7);
    expect(value("lintel_frontend_connections", { frontend: 'odd \\"name\\"\\\\' })).toBe(1);
    const latencies = lines.filter(({ name }) =>
      name === "lintel_server_last_check_duration_seconds"
    );
    expect(latencies.map(({ labels }) => labels.server)).toEqual(["master1"]);
  });

  it("asks each source once a scrape and forgets what is gone", async () => {
    const sources = makeSources();
    let asked = 0;
    let gone = false;
    const metrics = createMetrics({
      ...sources,
      backends: () => {
        asked++;
        return gone ? [] : sources.backends();
      },
    });
    asked = 0;
    expect(await metrics()).toContain('server="master1"');
    expect(asked).toBe(1);
    gone = true;
    expect(await metrics()).not.toContain('server="master1"');
    expect(asked).toBe(2);
  });
});
