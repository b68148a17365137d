/**
 * What this host is: the facts that the configuration may ask for.
 */

import type { HostAddress, HostFacts } from "../config/host.ts";
import { formatAddress } from "../core/net/address.ts";
import type { InterfaceAddress } from "../core/wire/rtnetlink.ts";
import { SystemError } from "../linux/errno.ts";
import { RouteSocket } from "../linux/netlink.ts";
import { IFAPROT_VRRP } from "../speaker/addresses.ts";

/**
 * Asks the kernel for the facts as they are now.
 *
 * @throws {SystemError} when rtnetlink refuses to answer.
 */
export function hostFacts(): HostFacts {
  using route = new RouteSocket();
  const links = orThrow(route.links());
  const names = new Map(links.map((link) => [link.index, link.name]));
  const addresses = orThrow(route.addresses()).map((one): HostAddress => ({
    interface: names.get(one.index) ?? "",
    address: formatAddress(one.address),
    prefixLength: one.prefixLength,
    ours: isOurs(one),
  }));
  const hostname = Deno.hostname();
  return {
    hostname,
    shortHostname: hostname.split(".")[0] ?? hostname,
    interfaces: [...names.values()],
    addresses,
    cpus: navigator.hardwareConcurrency,
    whyNotRunnable,
  };
}

/** Why a program cannot be run, in words; `null` if it can. */
export function whyNotRunnable(path: string): string | null {
  try {
    const { isFile, mode } = Deno.statSync(path);
    if (!isFile) return "it is no file";
    return (mode ?? 0) & 0o111 ? null : "it is not executable; chmod +x makes it so";
  } catch (error) {
    return error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : error instanceof Error
      ? error.message
      : String(error);
  }
}

/**
 * Whether an appliance of ours put an address there. Kernels before 5.18 keep no mark; there an
 * address that is about to expire is taken for one, or a restart right after a crash would be
 * refused for what the crash has left.
 */
export function isOurs({ protocol, validSeconds }: InterfaceAddress): boolean {
  return protocol === IFAPROT_VRRP || protocol === 0 && validSeconds <= EXPIRES_SOON_SECONDS;
}

function orThrow<Value>(answer: readonly Value[] | number): readonly Value[] {
  if (typeof answer === "number") throw new SystemError("rtnetlink dump", -answer);
  return answer;
}

/** No lease of an address is as short. */
const EXPIRES_SOON_SECONDS = 60;
