/**
 * The dashboard's side in the browser: shows what the admin API streams, and asks it for changes.
 * It decides nothing.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import type { Status } from "../model.ts";
import { follow } from "./api.ts";
import { showBackends } from "./backends.ts";
import { byId } from "./elements.ts";
import { ago, because } from "./figures.ts";
import { showEvent, showFrontends, showRouters } from "./sections.ts";

let status: Status | undefined;

function show(next: Status): void {
  status = next;
  byId("node").textContent = `on ${next.node}`;
  document.title = `${next.ready.ok ? "" : "! "}lintel on ${next.node}`;
  const causes = [...next.live.causes, ...next.ready.causes];
  const standby = next.standby.enabled ? [`in standby${because(next.standby.reason)}`] : [];
  const verdict = [...new Set([...causes, ...standby])].join("; ") || "Ready";
  const line = byId("verdict");
  if (line.textContent !== verdict) line.textContent = verdict;
  line.className = `state ${causes.length > 0 ? "bad" : standby.length > 0 ? "warn" : "good"}`;
  const up = ago(next.startedAt);
  byId("facts").textContent = `lintel ${next.version}, ${next.engine}, up ${up}, ` +
    `${next.configuration.file} (${next.configuration.hash.slice(0, 8)})`;
  showRouters(next.virtualRouters);
  showFrontends(next.frontends);
  showBackends(next.backends);
}

byId("filter").addEventListener("input", () => status && showBackends(status.backends));
byId("backend-tables").addEventListener(
  "toggle",
  () => status && showBackends(status.backends),
  true,
);
follow("/v1/status", (data) => show(JSON.parse(data)));
follow("/v1/events", (data) => showEvent(JSON.parse(data)));
