/**
 * Compiles `frontends`: every listener becomes one address and one port.
 */

import { listenerName } from "../core/plan/diff.ts";
import type { AdminPlan } from "../core/plan/admin_plan.ts";
import type {
  FrontendPlan,
  ListenerPlan,
  ServerNameRoute,
  VirtualRouterPlan,
} from "../core/plan/plan.ts";
import { isLinkLocal as isLinkLocalAddress, parseAddress } from "../core/net/address.ts";
import { formatPrefix, parsePrefix } from "../core/net/prefix.ts";
import { type Compilation, unknownName } from "./compilation.ts";
import { compileLimits } from "./compile_limits.ts";
import type { FullFrontend } from "./defaults.ts";
import { milliseconds } from "./duration.ts";
import { type Listen, listenersOverlap, parseListen } from "./listen.ts";
import type { Path } from "./problem.ts";

/** Compiles every frontend. */
export function compileFrontends(
  compilation: Compilation,
  virtualRouters: readonly VirtualRouterPlan[],
  admin: AdminPlan,
): FrontendPlan[] {
  const taken = new Ports();
  for (const key of ["listen", "probes"] as const) {
    const listen = admin[key];
    if (listen) taken.take({ ...listen, protocol: "tcp" }, `admin.${key}`);
  }
  return Object.entries(compilation.config.frontends).map(([name, frontend]) => {
    const path: Path = ["frontends", name];
    const written = [frontend.listen].flat();
    const listeners = written.flatMap((text, at) => {
      const place = typeof frontend.listen === "string"
        ? [...path, "listen"]
        : [...path, "listen", at];
      return compileListener(compilation, place, text, virtualRouters, taken);
    });
    return {
      name,
      listeners,
      backend: findDefault(compilation, path, frontend),
      routes: compileServerNames(compilation, [...path, "routes"], frontend.routes),
      clientSpeaksFirst: frontend.clientSpeaksFirst,
      proxyProtocolFrom: frontend.proxyProtocol?.from.map(canonicalPrefix) ?? null,
      clientHelloTimeoutMs: milliseconds(frontend.timeouts.clientHello),
      required: frontend.required,
      ...compileLimits(frontend),
    };
  });
}

/** Which ports are spoken for, and by whom. */
class Ports {
  readonly #takers = new Map<string, { address: string; taker: string; place: string }[]>();

  /** Takes a port, or names who has it. A port of TCP and one of UDP have nothing in common. */
  take(
    { address, port, protocol, link }: Omit<ListenerPlan, "virtualRouter">,
    taker: string,
  ): string | undefined {
    const key = `${port}/${protocol}`;
    const takers = this.#takers.get(key) ?? [];
    const place = JSON.stringify(link ?? null);
    // The same link-local address may be on another link, too.
    const other = takers.find((one) =>
      listenersOverlap(one.address, address) && (one.address !== address || one.place === place)
    );
    if (other) return `${listenerName({ ...other, port, protocol })} of ${other.taker}`;
    this.#takers.set(key, [...takers, { address, taker, place }]);
    return undefined;
  }
}

function compileListener(
  compilation: Compilation,
  path: Path,
  text: string,
  virtualRouters: readonly VirtualRouterPlan[],
  taken: Ports,
): ListenerPlan[] {
  const { report } = compilation;
  const listen = parseListen(text);
  if (typeof listen === "string") {
    report.problem(path, listen);
    return [];
  }
  const listeners = expand(compilation, path, listen, virtualRouters);
  for (const listener of listeners) {
    const other = taken.take(listener, String(path[1]));
    if (other === undefined) continue;
    report.problem(
      path,
      `${listenerName(listener)} is already taken by ${other}: choose another port`,
    );
    break;
  }
  return listeners;
}

function expand(
  compilation: Compilation,
  path: Path,
  { host, ports: [first, last], protocol }: Listen,
  virtualRouters: readonly VirtualRouterPlan[],
): ListenerPlan[] {
  const ports = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  if (host.kind === "address") {
    return ports.map((port) => ({ protocol, address: host.address, port, virtualRouter: null }));
  }
  const router = virtualRouters.find(({ name }) => name === host.name);
  if (!router) {
    compilation.report.problem(
      path,
      unknownName(compilation, "virtual router", "virtualRouters", host.name),
      [["virtualRouters", host.name]],
    );
    return [];
  }
  // With a virtual MAC address they lie on a link that is made only later.
  const addresses = [...router.addresses, ...router.excludedAddresses]
    .map(({ address }) => address).filter((address) => !router.virtualMac || !isLinkLocal(address));
  if (addresses.length === 0) {
    compilation.report.problem(
      path,
      `${host.name} has no address but link-local ones, which cannot be listened on with ` +
        "virtualMac: give it another, also as an excluded one",
      [["virtualRouters", host.name]],
    );
  }
  const { interface: name, nodeAddress } = router;
  return addresses.flatMap((address) => {
    const link = isLinkLocal(address) ? { link: { interface: name, nodeAddress } } : {};
    return ports.map((port) => ({ protocol, address, port, virtualRouter: host.name, ...link }));
  });
}

function isLinkLocal(text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && isLinkLocalAddress(address.bytes);
}

function findDefault(
  compilation: Compilation,
  path: Path,
  { backend, routes }: FullFrontend,
): string | null {
  if (backend !== undefined) findBackend(compilation, [...path, "backend"], backend);
  else if (routes.length === 0) {
    compilation.report.warn(
      path,
      "there is neither backend nor routes: every client is refused; backend names who takes them",
      [[...path, "backend"], [...path, "routes"]],
    );
  }
  return backend ?? null;
}

/** Every name may be routed once: which of two routes is meant would be anybody's guess. */
function compileServerNames(
  compilation: Compilation,
  path: Path,
  routes: FullFrontend["routes"],
): ServerNameRoute[] {
  const taken = new Map<string, number>();
  return routes.map(({ sni, backend }, route) => {
    findBackend(compilation, [...path, route, "backend"], backend);
    const serverNames = sni.map((written) => written.toLowerCase());
    for (const [at, serverName] of serverNames.entries()) {
      const first = taken.get(serverName);
      if (first !== undefined) {
        compilation.report.problem(
          [...path, route, "sni", at],
          `${serverName} is in routes[${first}] already: each name goes to one backend`,
        );
      }
      taken.set(serverName, first ?? route);
    }
    return { serverNames, backend };
  });
}

function findBackend({ config, report }: Compilation, path: Path, backend: string): void {
  if (Object.hasOwn(config.backends, backend)) return;
  const message = unknownName({ report }, "backend", "backends", backend);
  report.problem(path, message, [["backends", backend]]);
}

function canonicalPrefix(written: string): string {
  const prefix = parsePrefix(written);
  return prefix ? formatPrefix(prefix) : written;
}
