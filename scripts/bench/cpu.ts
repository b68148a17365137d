/**
 * CPU time as the scheduler counts it, in nanoseconds, and memory.
 *
 * @see proc(5)
 */

/** Time on a CPU so far of all of a process's threads. */
export function cpuNs(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    sum += running(`/proc/${pid}/task/${name}`);
  }
  return sum;
}

/** Time on a CPU so far of the kernel's own threads. One that ends takes its time with it. */
export function kernelNs(): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // `pid (command) state ppid …`: the kernel's threads are children of process 2.
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      if (/^\) \S 2 /.test(stat.slice(stat.lastIndexOf(")")))) sum += running(`/proc/${name}`);
    } catch {
      // It has ended since.
    }
  }
  return sum;
}

/** The memory of a process that is in RAM. */
export function residentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** How many descriptors a process has open. */
export function descriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

function running(directory: string): number {
  return Number(Deno.readTextFileSync(`${directory}/schedstat`).split(" ")[0]);
}
