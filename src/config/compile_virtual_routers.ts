/**
 * Compiles `virtualRouters` for one node, and checks `nodes`, which they rest on.
 */

import { formatAddress, type IpAddress, parseAddress } from "../core/net/address.ts";
import { parsePrefix, type Prefix } from "../core/net/prefix.ts";
import type { AddressPlan, UnicastPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import type { Compilation } from "./compilation.ts";
import { milliseconds } from "./duration.ts";
import type { Path } from "./problem.ts";
import type { RouterConfig } from "./schema/file.ts";

/** Checks that no two nodes share an address, and that no node has two of a family. */
export function checkNodes({ config, report }: Compilation): void {
  const owners = new Map<string, string>();
  for (const [name, { addresses }] of Object.entries(config.nodes ?? {})) {
    const families = new Set<number>();
    for (const [at, written] of addresses.entries()) {
      const path = ["nodes", name, "addresses", at];
      const address = parseAddress(written);
      if (!address) continue;
      const text = formatAddress(address.bytes);
      const other = owners.get(text);
      if (other !== undefined) report.problem(path, `${text} is also an address of node ${other}`);
      else if (families.has(address.family)) {
        report.problem(path, `${text} is a second IPv${address.family} address: one per family`);
      }
      owners.set(text, name);
      families.add(address.family);
    }
  }
}

/** Compiles every virtual router. */
export function compileVirtualRouters(compilation: Compilation): VirtualRouterPlan[] {
  const routers = Object.entries(compilation.config.virtualRouters).map(([name, router]) =>
    compileRouter(compilation, name, router)
  );
  refuseSharing(compilation, routers);
  return routers;
}

/** The address of a family that a node of the file has. */
export function nodeAddress(
  { config }: Pick<Compilation, "config">,
  node: string,
  family: number,
): string | null {
  const addresses = config.nodes?.[node]?.addresses.map(parseAddress) ?? [];
  const address = addresses.find((one): one is IpAddress => one?.family === family);
  return address ? formatAddress(address.bytes) : null;
}

function compileRouter(
  compilation: Compilation,
  name: string,
  router: RouterConfig,
): VirtualRouterPlan {
  const path: Path = ["virtualRouters", name];
  const { addresses, family } = compileAddresses(compilation, path, router);
  const own = nodeAddress(compilation, compilation.node, family);
  const priority = compilePriority(compilation, path, router);
  checkInterface(compilation, path, router, own, family);
  checkIntervals(compilation, path, router);
  if (own !== null && priority !== 255 && addresses.some(({ address }) => address === own)) {
    compilation.report.problem(
      [...path, "addresses"],
      `${own} is the address of node ${compilation.node} itself: take another address, or set ` +
        "priority 255 for its owner",
      [["nodes", compilation.node, "addresses"], [...path, "priority"]],
    );
  }
  return {
    name,
    interface: router.interface === "auto" ? null : router.interface,
    family,
    vrid: router.vrid,
    version: router.version,
    addresses,
    priority,
    advertisementIntervalMs: milliseconds(router.advertisementInterval),
    preempt: router.preempt,
    unicast: compileUnicast(compilation, path, router, family),
    nodeAddress: own,
    checksum: router.checksum,
    announce: {
      repeat: router.announce.repeat,
      delayMs: 5_000,
      refreshMs: 10_000,
      refreshRepeat: 1,
    },
    excludedAddresses: [],
    routes: [],
    rules: [],
    preemptDelayMs: 0,
    password: null,
    strictChecksum: false,
    addressList: "ignore",
    track: [],
    existingAddress: "refuse",
    startDelayMs: 0,
    notify: null,
    virtualMac: false,
    // An owner's addresses are its own: the kernel must never drop them.
    deadmanMs: router.deadman === "none" || priority === 255 ? null : milliseconds(router.deadman),
  };
}

function compileAddresses(
  { report }: Compilation,
  router: Path,
  { addresses: written, version }: RouterConfig,
): { addresses: AddressPlan[]; family: 4 | 6 } {
  const path = [...router, "addresses"];
  const prefixes = written.flatMap((text, at) => {
    const prefix = parsePrefix(text);
    const fault = prefix ? unusable(prefix) : "allowed: an address such as 10.0.0.1 or 10.0.0.1/24";
    if (fault !== undefined) report.problem([...path, at], `found ${text}; ${fault}`);
    return prefix ? [{ ...prefix, at, text: formatAddress(prefix.bytes) }] : [];
  });
  const family = prefixes[0]?.family ?? 4;
  for (const { text, at, family: other } of prefixes) {
    if (other !== family) {
      report.problem([...path, at], `${text} is not IPv${family} like the first: one family only`);
    }
    if (prefixes.some((before) => before.at < at && before.text === text)) {
      report.problem([...path, at], `${text} stands here a second time: remove one of the two`);
    }
  }
  if (family === 6) {
    const message = version === 2
      ? "VRRP version 2 has no IPv6: leave version out"
      : "IPv6 virtual addresses are not supported yet: use IPv4";
    report.problem(path, message, [[...router, "version"]]);
  }
  if (written.length > MOST_ADDRESSES) {
    report.problem(
      path,
      `found ${written.length} addresses; allowed: ${MOST_ADDRESSES}, which is all that an ` +
        "advertisement can count: make a second virtual router",
    );
  }
  const addresses = prefixes.map(({ text, length }) => ({ address: text, prefixLength: length }));
  return { addresses, family };
}

/** Why an address can be nobody's virtual address, if it cannot. */
function unusable({ bytes, length }: Prefix): string | undefined {
  const first = bytes[0]!;
  if (length === 0) return "allowed: a prefix length of 1 or more";
  if (bytes.length === 16) {
    const local = bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15]! <= 1;
    return local || first === 0xff ? "allowed: a unicast address" : undefined;
  }
  return first === 0 || first === 127 || first >= 224 ? "allowed: a unicast address" : undefined;
}

function compilePriority(
  { config, report, node }: Compilation,
  router: Path,
  { priority }: RouterConfig,
): number {
  const general = config.nodes?.[node]?.priority ?? DEFAULT_PRIORITY;
  if (priority === undefined) return general;
  if (typeof priority === "number") return priority;
  const names = Object.keys(config.nodes ?? {});
  for (const name of Object.keys(priority)) {
    if (names.includes(name)) continue;
    const remedy = names.length > 0 ? `the nodes are ${names.join(", ")}` : "the file has no nodes";
    report.problem([...router, "priority", name], `there is no node "${name}": ${remedy}`, [
      ["nodes", name],
    ]);
  }
  return priority[node] ?? general;
}

function checkInterface(
  { config, report, node }: Compilation,
  router: Path,
  { interface: written }: RouterConfig,
  own: string | null,
  family: 4 | 6,
): void {
  if (written !== "auto" || own !== null) return;
  const message = config.nodes === undefined
    ? "missing the key interface: without nodes the file names no address that would tell which one"
    : `interface: auto follows the IPv${family} address of node ${node}, which has none: name ` +
      "the interface, or the address";
  const path = report.given([...router, "interface"]) ? [...router, "interface"] : router;
  report.problem(path, message, [[...router, "interface"], [...router, "addresses"], [
    "nodes",
    node,
    "addresses",
  ]]);
}

function checkIntervals({ report }: Compilation, router: Path, config: RouterConfig): void {
  const { version, advertisementInterval, deadman, checksum } = config;
  const uses = [[...router, "version"]];
  const ms = milliseconds(advertisementInterval);
  const fits = version === 2
    ? ms % 1000 === 0 && ms >= 1000 && ms <= 255_000
    : ms % 10 === 0 && ms >= 10 && ms <= 40_950;
  if (!fits) {
    report.problem(
      [...router, "advertisementInterval"],
      `found ${advertisementInterval}; allowed in version ${version}: ` +
        (version === 2 ? "whole seconds from 1s to 255s" : "steps of 10ms from 10ms to 40.95s"),
      uses,
    );
  }
  if (deadman !== "none" && milliseconds(deadman) % 1000 !== 0) {
    report.problem(
      [...router, "deadman"],
      `found ${deadman}; allowed: whole seconds from 2s, as the kernel counts them, or none`,
    );
  }
  if (version === 2 && checksum === "rfc9568") {
    report.problem(
      [...router, "checksum"],
      "rfc9568 is a checksum of version 3: leave it out in version 2",
      uses,
    );
  }
}

function compileUnicast(
  compilation: Compilation,
  router: Path,
  { unicast }: RouterConfig,
  family: 4 | 6,
): UnicastPlan | null {
  const { config, report, node } = compilation;
  if (unicast === false) return null;
  const path = [...router, "unicast"];
  if (typeof unicast === "object") {
    checkPeers(compilation, path, unicast, family);
    return {
      source: unicast.source === undefined
        ? nodeAddress(compilation, node, family)
        : canonical(unicast.source),
      peers: unicast.peers.map(canonical),
      ttl: unicast.ttl,
      checkSource: unicast.checkSource,
    };
  }
  const others = Object.keys(config.nodes ?? {}).filter((name) => name !== node);
  const peers = others.flatMap((name) => nodeAddress(compilation, name, family) ?? []);
  if (peers.length > 0) {
    return { source: nodeAddress(compilation, node, family), peers, ttl: 255, checkSource: true };
  }
  if (unicast === true) {
    report.problem(
      path,
      `there is no other node with an IPv${family} address to send to: list it in nodes, or name ` +
        "the peers here",
      [["nodes"], [...router, "addresses"]],
    );
  }
  return null;
}

function checkPeers(
  compilation: Compilation,
  path: Path,
  { source, peers }: { source?: string | undefined; peers: readonly string[] },
  family: 4 | 6,
): void {
  const { report, node } = compilation;
  const uses = [[...path.slice(0, -1), "addresses"]];
  const own = source === undefined ? nodeAddress(compilation, node, family) : canonical(source);
  if (source !== undefined && parseAddress(source)?.family !== family) {
    report.problem(
      [...path, "source"],
      `${source} is not IPv${family} as the virtual addresses are`,
      uses,
    );
  }
  for (const [at, peer] of peers.entries()) {
    const place = [...path, "peers", at];
    const text = canonical(peer);
    if (parseAddress(peer)?.family !== family) {
      report.problem(place, `${peer} is not IPv${family} as the virtual addresses are`, uses);
    } else if (text === own) {
      report.problem(place, `${peer} is this node's own address: name the other nodes only`);
    } else if (peers.slice(0, at).some((before) => canonical(before) === text)) {
      report.problem(place, `${peer} stands here a second time: remove one of the two`);
    }
  }
}

/** Two virtual routers of one network must not share a VRID, nor any two an address. */
function refuseSharing({ report }: Compilation, routers: readonly VirtualRouterPlan[]): void {
  const vrids = new Map<string, string>();
  const addresses = new Map<string, string>();
  for (const { name, interface: where, family, vrid, addresses: own } of routers) {
    const path = ["virtualRouters", name];
    const id = JSON.stringify([where, family, vrid]);
    const twin = vrids.get(id);
    if (twin !== undefined) {
      const on = where === null ? "the same interface" : where;
      report.problem(
        [...path, "vrid"],
        `VRID ${vrid} is also that of ${twin} on ${on}: choose another from 1 to 255`,
        [["virtualRouters", twin, "vrid"], [...path, "interface"], [
          "virtualRouters",
          twin,
          "interface",
        ]],
      );
    }
    vrids.set(id, twin ?? name);
    for (const { address } of own) {
      const holder = addresses.get(address) ?? name;
      if (holder !== name) {
        report.problem(
          [...path, "addresses"],
          `${address} is also an address of virtual router ${holder}`,
          [["virtualRouters", holder, "addresses"]],
        );
      }
      addresses.set(address, holder);
    }
  }
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address ? formatAddress(address.bytes) : text;
}

const DEFAULT_PRIORITY = 100;

/** The count of addresses in an advertisement is one octet (RFC 9568, section 5.2.5). */
const MOST_ADDRESSES = 255;
