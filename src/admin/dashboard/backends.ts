/**
 * Backends and their servers as they are shown.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import type { Backend, Server } from "../model.ts";
import { ask } from "./changes.ts";
import { byId, child, element, keepOnly, part, put } from "./elements.ts";
import { because, bits, chart, perSecond, rate, whole } from "./figures.ts";

/** Shows all backends, with those of their servers that the filter lets through. */
export function showBackends(backends: readonly Backend[]): void {
  const parent = byId("backend-tables");
  const servers = backends.reduce((sum, backend) => sum + backend.servers.length, 0);
  const filter = byId("filter");
  const words = filter instanceof HTMLInputElement ? filter.value.trim().toLowerCase() : "";
  keepOnly(parent, backends.map(({ name }) => name));
  for (const backend of backends) {
    const box = child(parent, backend.name, () => backendBox(backend, servers <= OPEN_SERVERS));
    const total = backend.servers.length;
    const look = backend.usableServers === 0 ? "bad" : backend.usableServers < total ? "warn" : "";
    put(box, "usable", `${backend.usableServers} of ${total} servers take connections`, look);
    const rows = box.querySelector("tbody");
    if (!(rows && box instanceof HTMLDetailsElement && (box.open || words !== ""))) continue;
    const shown = backend.servers.filter(({ name, address, admin, health }) =>
      `${backend.name}/${name} ${address} ${admin} ${health.state}`.toLowerCase().includes(words)
    );
    keepOnly(rows, shown.map(({ name }) => name));
    for (const server of shown) showServer(rows, server);
  }
}

function backendBox(backend: Backend, open: boolean): HTMLElement {
  const heads = ["Server", "Health", "Admin", "Weight", "Connections", "Traffic", "Change"];
  const row = element("tr", "", ...heads.map((head) => element("th", "", head)));
  for (const head of row.children) head.setAttribute("scope", "col");
  const table = element("table", "", element("thead", "", row), element("tbody"));
  table.setAttribute("aria-label", `servers of ${backend.name}`);
  const summary = element("summary", "", `${backend.name} (${backend.balance}): `);
  summary.append(part("span", "usable"));
  const box = document.createElement("details");
  box.open = open;
  box.append(summary, table);
  return box;
}

function showServer(rows: HTMLElement, server: Server): void {
  const row = child(rows, server.name, () => serverRow(server));
  const { agent, health, weight, connections, override } = server;
  const looks = { up: "state good", down: "state bad", unchecked: "state warn" };
  const code = health.code ? ` (${health.code})` : "";
  const said = agent?.down ? `, ${agent.word} says its agent` : "";
  put(row, "health", `${health.state}${code}${said}`, looks[said ? "down" : health.state]);
  put(row, "failure", (health.state === "up" ? agent?.down && agent.text : health.failure) || "");
  const until = override?.until ? `, until ${localTime(override.until)}` : "";
  const { deadline } = override ?? {};
  const end = deadline?.then === "kill" ? `, connections killed at ${localTime(deadline.at)}` : "";
  put(row, "admin", server.admin, server.admin === "ready" ? "state" : "state warn");
  put(row, "override", override ? `${override.by}${because(override.reason)}${until}${end}` : "");
  const shown = weight.runtime === null ? `${weight.effective}` : `${weight.effective} (set)`;
  put(row, "weight", shown, weight.effective === 0 ? "warn" : "");
  const queued = connections.queued > 0 ? `, ${connections.queued} queued` : "";
  const key = `server ${server.backend}/${server.name}`;
  const opened = perSecond(rate(`${key} total`, connections.total));
  put(row, "connections", `${whole(connections.active)} open${queued}, ${opened} new`);
  const moved = rate(`${key} bytes`, server.bytes.received + server.bytes.sent);
  put(row, "bytes", bits(moved));
  chart(row, moved, "traffic", bits);
  for (const button of row.querySelectorAll<HTMLButtonElement>("button[data-state]")) {
    button.setAttribute("aria-pressed", String(button.dataset.state === server.admin));
  }
}

function localTime(time: string): string {
  return new Date(time).toLocaleString();
}

function serverRow(server: Server): HTMLElement {
  const { backend, name } = server;
  const port = server.port === null ? "" : `:${server.port}`;
  const head = element("th", "", name, element("div", "faint", `${server.address}${port}`));
  head.setAttribute("scope", "row");
  const cell = (label: string, ...content: Node[]) => {
    const made = element("td", "", element("div", "", ...content));
    made.dataset.label = label;
    return made;
  };
  const button = (text: string, state: Server["admin"] | undefined) => {
    const made = element("button", "", text);
    made.setAttribute("aria-label", `${text} ${backend}/${name}`);
    if (state) made.dataset.state = state;
    made.addEventListener("click", () => ask(server, state));
    return made;
  };
  return element(
    "tr",
    "",
    head,
    cell("Health", part("span", "health"), part("div", "failure", "faint")),
    cell("Admin", part("span", "admin"), part("div", "override", "faint")),
    cell("Weight", part("span", "weight")),
    cell("Connections", part("span", "connections")),
    cell("Traffic", part("span", "bytes"), part("div", "chart")),
    cell(
      "Change",
      button("Ready", "ready"),
      button("Drain", "drain"),
      button("Maint", "maint"),
      button("Weight", undefined),
    ),
  );
}

/** Beyond so many servers, tables are closed until somebody opens them. */
const OPEN_SERVERS = 60;
