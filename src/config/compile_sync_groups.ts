/**
 * Compiles `syncGroups`, and refuses those that could never settle: a group is Active where every
 * member wins, so that all members must rank the nodes alike.
 */

import type { SyncGroupPlan, VirtualRouterPlan } from "../core/plan/plan.ts";
import { type Compilation, unknownName } from "./compilation.ts";
import { type NodePriority, prioritiesOf } from "./priority.ts";
import type { Path } from "./problem.ts";

/** Compiles every sync group. */
export function compileSyncGroups(
  compilation: Compilation,
  routers: readonly VirtualRouterPlan[],
): SyncGroupPlan[] {
  const { config, report } = compilation;
  const groups = new Map<string, string>();
  return Object.entries(config.syncGroups).map(([name, members]) => {
    const path = ["syncGroups", name];
    if (Object.hasOwn(config.virtualRouters, name)) {
      const text = `${name} is also the name of a virtual router: failover could not tell which ` +
        "is meant; name the group otherwise";
      report.keyProblem(path, text);
    }
    if (members.length === 1) {
      report.warn(path, `${members[0]} is its only member: a group keeps two or more together`);
    }
    for (const [at, member] of members.entries()) {
      checkMember(compilation, [...path, at], name, member, groups);
    }
    const known = members.filter((member) => Object.hasOwn(config.virtualRouters, member));
    checkRanks(compilation, path, known);
    checkTies(compilation, path, routers.filter((router) => known.includes(router.name)));
    checkAlike(compilation, path, known);
    return { name, members };
  });
}

function checkMember(
  compilation: Compilation,
  path: Path,
  group: string,
  member: string,
  groups: Map<string, string>,
): void {
  const { config, report } = compilation;
  const other = groups.get(member);
  if (!Object.hasOwn(config.virtualRouters, member)) {
    const text = unknownName(compilation, "virtual router", "virtualRouters", member);
    report.problem(path, text, [["virtualRouters", member]]);
  } else if (other === group) {
    report.problem(path, `${member} stands here a second time: remove one of the two`);
  } else if (other !== undefined) {
    report.problem(path, `${member} is also in the sync group ${other}: one group for each`);
  }
  groups.set(member, other ?? group);
}

/** Every two nodes must stand in the same order for all members. */
function checkRanks(compilation: Compilation, path: Path, members: readonly string[]): void {
  const [first, ...others] = members;
  if (first === undefined) return;
  const nodes = prioritiesOf(compilation, first);
  for (const router of others) {
    const twins = new Map(prioritiesOf(compilation, router).map((one) => [one.node, one]));
    const pairs = nodes.flatMap((left, at) => nodes.slice(at + 1).map((right) => [left, right]));
    for (const [left, right] of pairs) {
      const [leftTwin, rightTwin] = [left, right].map((one) => one && twins.get(one.node));
      if (!left || !right || !leftTwin || !rightTwin) continue;
      if (order(left, right) === order(leftTwin, rightTwin)) continue;
      compilation.report.problem(
        path,
        `${first} ${ranking(left, right)}, but ${router} ${ranking(leftTwin, rightTwin)}: the ` +
          "group would be Active nowhere; give its members the same order of nodes",
        members.map((member) => ["virtualRouters", member, "priority"]),
      );
      return;
    }
  }
}

/**
 * Between equal priorities addresses decide, and those of another family or network may decide
 * otherwise: each node would then give way to the other, for ever.
 */
function checkTies(
  compilation: Compilation,
  path: Path,
  members: readonly VirtualRouterPlan[],
): void {
  const [first, ...others] = members;
  const alike = others.every(({ family, interface: link }) =>
    family === first?.family && link === first.interface
  );
  if (first === undefined || alike) return;
  const nodes = prioritiesOf(compilation, first.name);
  const twins = nodes.filter(({ priority }, at) =>
    nodes.some((other, otherAt) => otherAt !== at && other.priority === priority)
  );
  if (twins.length === 0) return;
  compilation.report.problem(
    path,
    `${twins.map(({ node }) => node).join(", ")} have the same priority, ${twins[0]?.priority}: ` +
      "their addresses would decide, and may decide otherwise for each member; give the nodes " +
      "different priorities",
    members.map(({ name }) => ["virtualRouters", name, "priority"]),
  );
}

function order(left: NodePriority, right: NodePriority): number {
  return Math.sign(left.priority - right.priority);
}

function ranking(left: NodePriority, right: NodePriority): string {
  const [first, second] = left.priority < right.priority ? [right, left] : [left, right];
  const numbers = `(${first.priority}, ${second.priority})`;
  return first.priority === second.priority
    ? `ranks ${first.node} and ${second.node} equal ${numbers}`
    : `ranks ${first.node} before ${second.node} ${numbers}`;
}

/** What works, but makes a group wait for its most reluctant member. */
function checkAlike(
  { config, report }: Compilation,
  path: Path,
  members: readonly string[],
): void {
  const reluctant = members.filter((member) => config.virtualRouters[member]?.preempt === false);
  if (reluctant.length === 0 || reluctant.length === members.length) return;
  report.warn(
    path,
    `${reluctant.join(", ")} must not preempt, so that none of the group can: say preempt: false ` +
      "for all of them, or for none",
  );
}
