/**
 * Kernel parameters of the network namespace the process was started in.
 *
 * @see proc_sys_net(5), sysctl(8)
 */

/** The parameter's text, such as `1`; `undefined` if there is none of that name here. */
export function readSysctl(path: readonly string[]): string | undefined {
  try {
    return Deno.readTextFileSync(file(path)).trim();
  } catch {
    return undefined;
  }
}

/** Sets a parameter. @returns whether the kernel took it. */
export function writeSysctl(path: readonly string[], value: string | number): boolean {
  try {
    Deno.writeTextFileSync(file(path), String(value));
    return true;
  } catch {
    return false;
  }
}

/** Interface names may have dots in them, so the parts come apart. */
function file(path: readonly string[]): string {
  return `/proc/sys/${path.join("/")}`;
}
