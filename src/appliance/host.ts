/**
 * What this host is: the facts that the configuration may ask for.
 */

import type { HostAddress, HostFacts } from "../config/host.ts";
import { formatAddress } from "../core/net/address.ts";
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
    ours: one.protocol === IFAPROT_VRRP,
  }));
  const hostname = Deno.hostname();
  return {
    hostname,
    shortHostname: hostname.split(".")[0] ?? hostname,
    interfaces: [...names.values()],
    addresses,
    cpus: navigator.hardwareConcurrency,
  };
}

function orThrow<Value>(answer: readonly Value[] | number): readonly Value[] {
  if (typeof answer === "number") throw new SystemError("rtnetlink dump", -answer);
  return answer;
}
