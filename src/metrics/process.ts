/**
 * The process's own figures under the names that every Prometheus client uses, read from /proc:
 * what prom-client brings counts processor time only from its own start.
 */

/**
 * Reads the figures; one that the kernel does not tell is missing.
 *
 * @see proc_pid_stat(5), proc_pid_status(5), proc_pid_limits(5)
 */
export function processFigures(): ProcessFigures {
  const stat = read("/proc/self/stat");
  // The second field is the program's name in parentheses, which may itself hold any character.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - FIRST_FIELD] ?? NaN);
  const status = read("/proc/self/status");
  const figures: Record<ProcessMetric, number> = {
    process_cpu_seconds_total: (field(14) + field(15)) / USER_HZ,
    process_start_time_seconds: find(read("/proc/stat"), /^btime (\d+)/m) + field(22) / USER_HZ,
    process_resident_memory_bytes: find(status, /^VmRSS:\s+(\d+) kB/m) * 1024,
    process_virtual_memory_bytes: find(status, /^VmSize:\s+(\d+) kB/m) * 1024,
    process_open_fds: openDescriptors(),
    process_max_fds: find(read("/proc/self/limits"), /^Max open files\s+(\d+)/m),
  };
  return new Map(
    PROCESS_METRICS.map((name) => [name, figures[name]] as const)
      .filter(([, value]) => Number.isFinite(value)),
  );
}

/** Values by name. */
export type ProcessFigures = ReadonlyMap<ProcessMetric, number>;

/** The name of a figure. */
export type ProcessMetric = (typeof PROCESS_METRICS)[number];

/** Since Linux 6.2 the directory's size is the count: listing it would cost more with each one. */
function openDescriptors(): number {
  try {
    const { size } = Deno.statSync("/proc/self/fd");
    return size > 0 ? size : [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return NaN;
  }
}

function find(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? NaN);
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

/** The names; `…_total` is the only counter. */
export const PROCESS_METRICS = [
  "process_cpu_seconds_total",
  "process_start_time_seconds",
  "process_resident_memory_bytes",
  "process_virtual_memory_bytes",
  "process_open_fds",
  "process_max_fds",
] as const;

/** Number of the first field after the program's name. */
const FIRST_FIELD = 3;
/** The kernel's unit towards programs, whatever its own tick is. */
const USER_HZ = 100;
