/**
 * A file in its user's words becomes the plan of one node. Judges what several values mean
 * together; each value by itself has been checked before. Opens nothing and asks nothing of the
 * host.
 */

import type { AdminPlan } from "../core/plan/admin_plan.ts";
import type { Plan } from "../core/plan/plan.ts";
import { compileAdmin } from "./compile_admin.ts";
import { compileBackends } from "./compile_backends.ts";
import { compileFrontends } from "./compile_frontends.ts";
import { compileSyncGroups } from "./compile_sync_groups.ts";
import { compileTracks } from "./compile_track.ts";
import { compileTrackers } from "./compile_trackers.ts";
import { checkNodes, compileVirtualRouters } from "./compile_virtual_routers.ts";
import type { Compilation } from "./compilation.ts";
import { milliseconds } from "./duration.ts";
import { checkUdp } from "./udp_rules.ts";

/** The plan; it can be run only if nothing was reported. */
export function compile(compilation: Compilation): Plan {
  const { config, node, hash } = compilation;
  checkNodes(compilation);
  const admin: AdminPlan = compileAdmin(compilation);
  const virtualRouters = compileVirtualRouters(compilation);
  const frontends = compileFrontends(compilation, virtualRouters, admin);
  checkUdp(compilation, frontends);
  return freeze({
    node,
    hash,
    log: {
      level: config.log.level,
      format: config.log.format,
      connections: config.log.connections,
    },
    stateDirectory: config.stateDirectory,
    watch: config.watch,
    workers: config.workers === "auto" ? null : config.workers,
    engine: config.engine,
    maxConnections: config.maxConnections === "auto" ? null : config.maxConnections,
    stopTimeoutMs: milliseconds(config.stopTimeout),
    admin,
    trackers: compileTrackers(compilation),
    virtualRouters: compileTracks(compilation, virtualRouters, frontends),
    syncGroups: compileSyncGroups(compilation, virtualRouters),
    frontends,
    backends: compileBackends(compilation, virtualRouters),
  });
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}
