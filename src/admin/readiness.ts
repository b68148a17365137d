/**
 * The long answer of `/readyz?verbose`: where each frontend, backend and server stands, and what a
 * server's last failed check said. Decides nothing.
 */

import { harmless } from "../core/text/harmless.ts";
import type { Backend, Frontend, Health, Server } from "./model.ts";

/** One line for each fact; what servers said is quoted behind a bar. */
export function readinessLines(
  frontends: readonly Frontend[],
  backends: readonly Backend[],
): string[] {
  return [
    ...frontends.map(({ name, listeners, required }) => {
      const bound = listeners.filter((listener) => listener.bound).length;
      const words = required ? "" : ", not required";
      return `frontend ${name}: ${bound} of ${listeners.length} listeners bound${words}`;
    }),
    ...backends.flatMap(({ name, usableServers, servers }) => [
      `backend ${name}: ${usableServers} of ${servers.length} servers take connections`,
      ...servers.flatMap(serverLines),
    ]),
  ];
}

function serverLines(server: Server): string[] {
  const { backend, name, admin, agent, health, weight } = server;
  const since = health.changedAt === null ? "" : ` since ${health.changedAt}`;
  const facts = [
    ...(server.backup ? ["backup"] : []),
    admin,
    `${health.state}${since}`,
    ...(agent?.down ? [`${agent.word} says its agent${textOf(agent.text)}`] : []),
    ...(weight.effective === 0 ? ["weight 0"] : []),
    ...lastCheck(health),
  ];
  return [`server ${backend}/${name}: ${facts.join(", ")}`, ...failureLines(health)];
}

function textOf(text: string | null): string {
  return text ? ` (${harmless(text)})` : "";
}

function lastCheck({ code, status, latencySeconds }: Health): string[] {
  if (code === null) return [];
  const took = latencySeconds === null ? "" : ` in ${Math.round(latencySeconds * 1e4) / 10} ms`;
  return [`${withStatus(code, status)}${took}`];
}

function failureLines({ failure, failureCode, failureStatus, failedAt }: Health): string[] {
  if (failureCode === null) return [];
  const text = (failure ?? "").trimEnd();
  const quoted = text === "" ? [] : text.split(/\r?\n/);
  return [
    `  last failure ${failedAt ?? ""}: ${withStatus(failureCode, failureStatus)}`,
    ...quoted.map((line) => `  | ${harmless(line)}`),
  ];
}

function withStatus(code: string, status: number | null): string {
  return status === null ? code : `${code} ${status}`;
}
