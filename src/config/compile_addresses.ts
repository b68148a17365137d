/**
 * Compiles the addresses of a virtual router: those that are advertised, and those that are only
 * carried. Whether the host has them already is not judged here.
 */

import { type Family, formatAddress, isLinkLocal, parseAddress } from "../core/net/address.ts";
import { parsePrefix, type Prefix } from "../core/net/prefix.ts";
import type { AddressPlan } from "../core/plan/plan.ts";
import type { Compilation } from "./compilation.ts";
import type { Path } from "./problem.ts";
import type { RouterConfig } from "./schema/file.ts";

/** The addresses of one virtual router. */
export interface Addresses {
  readonly family: Family;
  /** Advertised, in the file's order. */
  readonly addresses: readonly AddressPlan[];
  readonly excludedAddresses: readonly AddressPlan[];
}

/** Compiles `addresses` and `excludedAddresses`. */
export function compileAddresses(
  compilation: Compilation,
  router: Path,
  { addresses: written, excludedAddresses, version }: RouterConfig,
): Addresses {
  const { report } = compilation;
  const path = [...router, "addresses"];
  const advertised = read(compilation, path, written);
  const excluded = read(compilation, [...router, "excludedAddresses"], excludedAddresses);
  const family = advertised[0]?.family ?? 4;
  for (const { text, place, family: other } of advertised) {
    if (other !== family) {
      const remedy = "one family only; excludedAddresses may have another";
      report.problem(place, `${text} is not IPv${family} like the first: ${remedy}`);
    }
  }
  if (family === 6) checkIpv6(compilation, router, advertised, version);
  const most = family === 6 ? MOST_IPV6_ADDRESSES : MOST_ADDRESSES;
  if (written.length > most) {
    const reason = family === 6
      ? "as many as fit into a packet of 1500 octets"
      : "which is all that an advertisement can count";
    report.problem(
      path,
      `found ${written.length} addresses; allowed: ${most}, ${reason}: make a second virtual ` +
        "router, or list the rest in excludedAddresses",
    );
  }
  const all = [...advertised, ...excluded];
  for (const [at, { text, place }] of all.entries()) {
    if (all.slice(0, at).some((before) => before.text === text)) {
      report.problem(place, `${text} stands here a second time: remove one of the two`, [path]);
    }
  }
  const plan = ({ text, length }: Written) => ({ address: text, prefixLength: length });
  return { family, addresses: advertised.map(plan), excludedAddresses: excluded.map(plan) };
}

/** Why an address can be no host's own, if it cannot. */
export function notOneHost(bytes: Uint8Array): string | undefined {
  const first = bytes[0]!;
  if (bytes.length === 16) {
    const local = bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15]! <= 1;
    return local || first === 0xff ? "allowed: a unicast address" : undefined;
  }
  return first === 0 || first === 127 || first >= 224 ? "allowed: a unicast address" : undefined;
}

/** The address of a family that a node of the file has. */
export function nodeAddress(
  { config }: Pick<Compilation, "config">,
  node: string,
  family: number,
): string | null {
  const addresses = config.nodes?.[node]?.addresses.map(parseAddress) ?? [];
  const address = addresses.find((one) => one?.family === family);
  return address ? formatAddress(address.bytes) : null;
}

/** An address as it stands in the file. */
interface Written extends Prefix {
  readonly place: Path;
  readonly text: string;
}

function read({ report }: Compilation, path: Path, list: readonly string[]): Written[] {
  return list.flatMap((text, at) => {
    const place = [...path, at];
    const prefix = parsePrefix(text);
    const fault = prefix ? unusable(prefix) : "allowed: an address such as 10.0.0.1 or 10.0.0.1/24";
    if (fault !== undefined) report.problem(place, `found ${text}; ${fault}`);
    return prefix ? [{ ...prefix, place, text: formatAddress(prefix.bytes) }] : [];
  });
}

function unusable({ bytes, length }: Prefix): string | undefined {
  return length === 0 ? "allowed: a prefix length of 1 or more" : notOneHost(bytes);
}

function checkIpv6(
  { report }: Compilation,
  router: Path,
  [first]: readonly Written[],
  version: RouterConfig["version"],
): void {
  if (version === 2) {
    report.problem(
      [...router, "addresses"],
      "VRRP version 2 has no IPv6: leave version out",
      [[...router, "version"]],
    );
  } else if (first && !isLinkLocal(first.bytes)) {
    report.problem(
      first.place,
      `${first.text} is not link-local, as the first IPv6 address of a virtual router must be ` +
        "(RFC 9568, section 5.2.9): put one such as fe80::10 before it",
    );
  }
}

/** The count of addresses in an advertisement is one octet (RFC 9568, section 5.2.5). */
const MOST_ADDRESSES = 255;

/** (1500 − 40 of the IPv6 header − 8 of the advertisement's) / 16. */
const MOST_IPV6_ADDRESSES = 90;
