/**
 * What does not go together with UDP: keys that only connections have, where nothing but datagrams
 * can come. It compiles nothing.
 */

import type { FrontendPlan } from "../core/plan/plan.ts";
import type { Compilation } from "./compilation.ts";
import type { Path } from "./problem.ts";

/**
 * Refuses keys that would have no effect, since all their listeners are for UDP, and warns about
 * sessions where no listener is.
 */
export function checkUdp(
  { report, config }: Compilation,
  frontends: readonly FrontendPlan[],
): void {
  for (const frontend of frontends) {
    if (!listensOn(frontend, "udp")) continue;
    const path: Path = ["frontends", frontend.name];
    if (isUdpOnly(frontend)) {
      for (const key of FRONTEND_KEYS) {
        if (!report.given([...path, ...key])) continue;
        report.problem(
          [...path, ...key],
          `${key.join(".")} does not apply to UDP, and ${frontend.name} listens on nothing else: ` +
            "leave it out",
          [[...path, "listen"]],
        );
      }
    } else if (frontend.backend === null && frontend.routes.length > 0) {
      report.problem(
        path,
        "datagrams carry no server name to route by: name the backend that takes them",
        [[...path, "backend"], [...path, "listen"]],
      );
    }
  }
  for (const backend of new Set(frontends.flatMap(({ backend }) => backend ?? []))) {
    if (takesConnections(backend, frontends)) {
      const { idle, replies, maxSessions } = config.backends[backend]?.udp ?? DEFAULTS;
      // The defaults ask for nothing: a file with all of them filled in has them everywhere.
      const isAsked = idle !== DEFAULTS.idle || maxSessions !== DEFAULTS.maxSessions ||
        replies !== DEFAULTS.replies;
      if (isAsked) warnWithoutSessions(report, backend, frontends);
      continue;
    }
    for (const key of BACKEND_KEYS) {
      const path: Path = ["backends", backend, ...key];
      if (!report.given(path)) continue;
      report.problem(
        path,
        `${
          key.join(".")
        } does not apply to UDP, and nothing else comes to ${backend}: leave it out`,
        [["frontends"]],
      );
    }
  }
}

/** Where keys would stand that this refuses: a file with all defaults filled in is without them. */
export function refusedPaths(frontends: readonly FrontendPlan[]): Path[] {
  const backends = new Set(frontends.flatMap(({ backend }) => backend ?? []));
  return [
    ...frontends.filter(isUdpOnly)
      .flatMap(({ name }) => FRONTEND_KEYS.map((key) => ["frontends", name, ...key])),
    ...[...backends].filter((name) => !takesConnections(name, frontends))
      .flatMap((name) => BACKEND_KEYS.map((key) => ["backends", name, ...key])),
  ];
}

function warnWithoutSessions(
  report: Compilation["report"],
  backend: string,
  frontends: readonly FrontendPlan[],
): void {
  const path: Path = ["backends", backend, "udp"];
  const all = frontends.filter((frontend) => frontend.backend === backend);
  // Where no listener could be read, one for UDP may have been meant.
  const isTcp = (one: FrontendPlan) => listensOn(one, "tcp") && !listensOn(one, "udp");
  if (!report.given(path) || !all.every(isTcp)) return;
  report.warn(
    path,
    `nothing that listens on UDP leads to ${backend}, so this changes nothing: leave it out, or ` +
      "listen on HOST:PORT/udp",
  );
}

function listensOn({ listeners }: FrontendPlan, wanted: "tcp" | "udp"): boolean {
  return listeners.some(({ protocol }) => protocol === wanted);
}

function isUdpOnly(frontend: FrontendPlan): boolean {
  return listensOn(frontend, "udp") && !listensOn(frontend, "tcp");
}

/** Also where no listener could be read: whatever is wrong with it has been said. */
function takesConnections(name: string, frontends: readonly FrontendPlan[]): boolean {
  return frontends.some((frontend) =>
    (frontend.backend === name || frontend.routes.some(({ backend }) => backend === name)) &&
    (listensOn(frontend, "tcp") || !listensOn(frontend, "udp"))
  );
}

const FRONTEND_KEYS = [
  ["routes"],
  ["clientSpeaksFirst"],
  ["proxyProtocol"],
  ["tls"],
  ["timeouts", "clientHello"],
];

const BACKEND_KEYS = [
  ["timeouts", "connect"],
  ["timeouts", "halfClosed"],
  ["retries"],
  ["proxyProtocol"],
];

const DEFAULTS = { idle: "30s", maxSessions: 65_536, replies: undefined };
