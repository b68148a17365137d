import { describe, expect, it } from "vitest";
import { PROCESS_METRICS, processFigures } from "../../../src/metrics/process.ts";

describe("processFigures", () => {
  it("reads every figure of this process", () => {
    const figures = processFigures();
    expect([...figures.keys()]).toEqual([...PROCESS_METRICS]);
    expect(figures.get("process_cpu_seconds_total")).toBeGreaterThan(0);
    const age = Date.now() / 1000 - (figures.get("process_start_time_seconds") ?? 0);
    expect(age).toBeGreaterThan(-2);
    expect(age).toBeLessThan(600);
    const { rss } = Deno.memoryUsage();
    expect((figures.get("process_resident_memory_bytes") ?? 0) / rss).toBeCloseTo(1, 0);
  });

  it("counts open descriptors", () => {
    const before = processFigures().get("process_open_fds") ?? 0;
    const files = Array.from({ length: 10 }, () => Deno.openSync("/dev/null"));
    expect(processFigures().get("process_open_fds")).toBe(before + 10);
    for (const file of files) file.close();
  });
});
