/**
 * Compiles `virtualRouters` for one node, and checks `nodes`, which they rest on.
 */

import { formatAddress, isLinkLocal, parseAddress } from "../core/net/address.ts";
import type { NotifyPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { type Compilation, readSecret } from "./compilation.ts";
import { type Addresses, compileAddresses, nodeAddress } from "./compile_addresses.ts";
import { compileRoutes, compileRules, refuseSharedRoutes } from "./compile_routes.ts";
import { compileUnicast } from "./compile_unicast.ts";
import { milliseconds } from "./duration.ts";
import { OWNER, prioritiesOf, priorityOf } from "./priority.ts";
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

/** Compiles every virtual router, but for what it tracks. */
export function compileVirtualRouters(compilation: Compilation): VirtualRouterPlan[] {
  const routers = Object.entries(compilation.config.virtualRouters).map(([name, router]) =>
    compileRouter(compilation, name, router)
  );
  refuseSharing(compilation, routers);
  refuseSharedRoutes(compilation, routers);
  return routers;
}

function compileRouter(
  compilation: Compilation,
  name: string,
  router: RouterConfig,
): VirtualRouterPlan {
  const path: Path = ["virtualRouters", name];
  const addresses = compileAddresses(compilation, path, router);
  const { family } = addresses;
  const own = nodeAddress(compilation, compilation.node, family);
  const priority = compilePriority(compilation, path, name, router);
  const owner = priority === OWNER;
  checkInterface(compilation, path, router, own, family);
  checkIntervals(compilation, path, router);
  checkPreemption(compilation, path, router, owner);
  checkVirtualMac(compilation, path, router, owner);
  if (!owner) refuseOwnAddresses(compilation, path, addresses);
  return {
    name,
    interface: router.interface === "auto" ? null : router.interface,
    ...addresses,
    vrid: router.vrid,
    version: router.version,
    routes: compileRoutes(compilation, path, router, addresses),
    rules: compileRules(compilation, path, router),
    priority,
    peerPriorities: prioritiesOf(compilation, name)
      .filter(({ node }) => node !== compilation.node)
      .map((peer) => peer.priority),
    advertisementIntervalMs: milliseconds(router.advertisementInterval),
    preempt: router.preempt,
    preemptDelayMs: router.preempt && !owner ? milliseconds(router.preemptDelay) : 0,
    unicast: compileUnicast(compilation, path, router, addresses),
    nodeAddress: own,
    password: compilePassword(compilation, path, router),
    checksum: router.checksum,
    strictChecksum: router.strictChecksum,
    addressList: router.addressList,
    track: [],
    announce: {
      repeat: router.announce.repeat,
      delayMs: milliseconds(router.announce.delay),
      refreshMs: orNull(router.announce.refresh),
      refreshRepeat: router.announce.refreshRepeat,
    },
    // An owner's addresses are its own: neither we nor the kernel must ever drop them.
    deadmanMs: owner ? null : orNull(router.deadman),
    existingAddress: owner ? "refuse" : router.existingAddress,
    startDelayMs: milliseconds(router.startDelay),
    notify: compileNotify(compilation, path, router),
    virtualMac: router.virtualMac,
  };
}

function orNull(written: string): number | null {
  return written === "none" ? null : milliseconds(written);
}

function compilePriority(
  { config, report, node }: Compilation,
  router: Path,
  name: string,
  { priority }: RouterConfig,
): number {
  const names = Object.keys(config.nodes ?? {});
  for (const other of Object.keys(typeof priority === "object" ? priority : {})) {
    if (names.includes(other)) continue;
    const remedy = names.length > 0 ? `the nodes are ${names.join(", ")}` : "the file has no nodes";
    report.problem([...router, "priority", other], `there is no node "${other}": ${remedy}`, [
      ["nodes", other],
    ]);
  }
  return priorityOf(config, node, name);
}

function refuseOwnAddresses(
  compilation: Compilation,
  router: Path,
  all: Addresses,
): void {
  const { node, report } = compilation;
  const own = [4, 6].map((family) => nodeAddress(compilation, node, family));
  for (const key of ["addresses", "excludedAddresses"] as const) {
    for (const { address } of all[key]) {
      if (!own.includes(address)) continue;
      report.problem(
        [...router, key],
        `${address} is the address of node ${node} itself: take another address, or set ` +
          "priority 255 for its owner",
        [["nodes", node, "addresses"], [...router, "priority"]],
      );
    }
  }
}

/** What says who may take over when, where it cannot be obeyed. */
function checkPreemption(
  { report, node }: Compilation,
  router: Path,
  { preempt, preemptDelay }: RouterConfig,
  owner: boolean,
): void {
  const uses = [[...router, "priority"]];
  if (owner && !preempt) {
    report.problem(
      [...router, "preempt"],
      `${node} owns the addresses (priority 255), and an owner always takes them back: leave ` +
        "preempt out, or give it another priority",
      uses,
    );
  }
  const delayMs = milliseconds(preemptDelay);
  if (delayMs > MOST_PREEMPT_DELAY_MS) {
    report.problem([...router, "preemptDelay"], `found ${preemptDelay}; allowed: up to 1000s`);
  } else if (delayMs > 0 && (owner || !preempt)) {
    const cause = preempt ? `${node} owns the addresses (priority 255)` : "preempt is false";
    report.warn(
      [...router, "preemptDelay"],
      `there is nothing to delay, as ${cause}: it is ignored`,
    );
  }
}

function checkVirtualMac(
  compilation: Compilation,
  router: Path,
  { virtualMac, announce }: RouterConfig,
  owner: boolean,
): void {
  const { report, node } = compilation;
  if (!virtualMac) return;
  if (owner) {
    report.problem(
      [...router, "virtualMac"],
      `${node} owns the addresses (priority 255), which stay on its interface with that one's ` +
        "MAC address: leave virtualMac out, or give it another priority",
      [[...router, "priority"]],
    );
  }
  if (announce.refresh === "none") {
    report.warn(
      [...router, "announce", "refresh"],
      "switches forget where the virtual MAC address is, and only announcements tell them again: " +
        "leave refresh out",
    );
  }
}

/** The password itself is never part of a message. */
function compilePassword(
  compilation: Compilation,
  router: Path,
  { authentication, version }: RouterConfig,
): string | null {
  if (!authentication) return null;
  const { report } = compilation;
  const path = [...router, "authentication"];
  if (version === 3) {
    report.problem(
      path,
      "version 3 has no authentication: leave it out, or set version: 2",
      [[...router, "version"]],
    );
    return null;
  }
  const password = readSecret(compilation, [...path, "password"], authentication.password);
  if (!/^[\x20-\x7e]*$/.test(password)) {
    const text = "the password holds more than letters, digits and signs of ASCII: choose another";
    report.problem([...path, "password"], text);
  } else if (password.length > PASSWORD_OCTETS) {
    report.warn(
      [...path, "password"],
      `the password has ${password.length} characters, and an advertisement carries 8: the ` +
        "others are cut off, as Keepalived does",
    );
  }
  return password.slice(0, PASSWORD_OCTETS);
}

function compileNotify(
  { report }: Compilation,
  router: Path,
  { notify }: RouterConfig,
): NotifyPlan | null {
  if (!notify) return null;
  const path = [...router, "notify"];
  if (notify.command === undefined && notify.webhook === undefined) {
    report.problem(path, "found an empty map; allowed: command, webhook, or both", [path]);
  }
  return { command: notify.command ?? null, webhook: notify.webhook ?? null };
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

/** Two virtual routers of one network must not share a VRID, nor any two an address. */
function refuseSharing({ report }: Compilation, routers: readonly VirtualRouterPlan[]): void {
  const vrids = new Map<string, string>();
  const links = new Map<string, string>();
  const addresses = new Map<string, string>();
  for (const { name, interface: where, family, vrid, virtualMac, ...own } of routers) {
    const path = ["virtualRouters", name];
    // The link with the virtual MAC address is named after these two.
    const link = `${family} ${vrid}`;
    const other = virtualMac ? links.get(link) : undefined;
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
    } else if (other !== undefined) {
      report.problem(
        [...path, "vrid"],
        `VRID ${vrid} is also that of ${other}, and both have a virtualMac, whose link is named ` +
          "after the VRID on whatever interface: choose another from 1 to 255",
        [["virtualRouters", other, "vrid"], [...path, "virtualMac"], [
          "virtualRouters",
          other,
          "virtualMac",
        ]],
      );
    }
    vrids.set(id, twin ?? name);
    if (virtualMac) links.set(link, other ?? name);
    for (const key of ["addresses", "excludedAddresses"] as const) {
      for (const { address } of own[key]) {
        const scoped = scopeOf(address, where);
        const holder = addresses.get(scoped) ?? name;
        if (holder !== name) {
          report.problem(
            [...path, key],
            `${address} is also an address of virtual router ${holder}`,
            [["virtualRouters", holder, "addresses"], [
              "virtualRouters",
              holder,
              "excludedAddresses",
            ]],
          );
        }
        addresses.set(scoped, holder);
      }
    }
  }
}

/** Where an address is looked for: link-local ones exist once on each interface. */
function scopeOf(address: string, where: string | null): string {
  const bytes = parseAddress(address)?.bytes;
  return bytes && isLinkLocal(bytes) ? `${address}%${where}` : address;
}

const MOST_PREEMPT_DELAY_MS = 1_000_000;

/** RFC 2338, section 5.3.6.1. */
const PASSWORD_OCTETS = 8;
