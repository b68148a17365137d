/**
 * Virtual routers, frontends and events as they are shown.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import type { Frontend, VirtualRouter } from "../model.ts";
import type { Event } from "../model_events.ts";
import { byId, child, element, keepOnly, part, put } from "./elements.ts";
import { ago, because, bits, chart, perSecond, rate, whole } from "./figures.ts";

/** Shows all virtual routers. */
export function showRouters(routers: readonly VirtualRouter[]): void {
  const parent = byId("router-cards");
  byId("routers").hidden = routers.length === 0;
  keepOnly(parent, routers.map(({ name }) => name));
  for (const router of routers) {
    const card = child(parent, router.name, () =>
      element(
        "article",
        "card",
        element("h3", "", router.name),
        part("p", "state"),
        part("p", "cause"),
        part("p", "addresses", "faint"),
        part("p", "priority", "faint"),
        part("p", "peer", "faint"),
        part("p", "trackers", "warn"),
      ));
    const looks = { active: "state good", backup: "state calm", initialize: "state warn" };
    const since = router.since ? ` for ${ago(router.since)}` : "";
    const state = router.state[0]?.toUpperCase() + router.state.slice(1);
    put(card, "state", state + since, looks[router.state]);
    put(card, "cause", router.cause ?? "");
    put(card, "addresses", router.addresses.join(", "));
    const { effective, configured } = router.priority;
    const priority = effective === configured ? `${effective}` : `${effective} of ${configured}`;
    put(card, "priority", `VRID ${router.vrid}, priority ${priority}`);
    const { peer } = router;
    put(card, "peer", peer ? `peer ${peer.address}, priority ${peer.priority}` : "no peer heard");
    const bad = router.trackers.filter(({ good }) => !good);
    put(card, "trackers", bad.map(({ name, detail }) => `${name}: ${detail}`).join("; "));
  }
}

/** Shows all frontends. */
export function showFrontends(frontends: readonly Frontend[]): void {
  const parent = byId("frontend-cards");
  keepOnly(parent, frontends.map(({ name }) => name));
  for (const frontend of frontends) {
    const card = child(parent, frontend.name, () =>
      element(
        "article",
        "card",
        element("h3", "", frontend.name),
        part("p", "listeners", "faint"),
        part("p", "connections"),
        part("p", "bytes", "faint"),
        part("div", "chart"),
        part("p", "denied", "warn"),
      ));
    const unbound = frontend.listeners.filter(({ bound }) => !bound).length;
    const listeners = frontend.listeners.map(({ address, port, protocol }) =>
      `${address.includes(":") ? `[${address}]` : address}:${port}${
        protocol === "udp" ? "/udp" : ""
      }`
    );
    const few = listeners.slice(0, 4).join(", ") + (listeners.length > 4 ? ", …" : "");
    put(card, "listeners", few + (unbound > 0 ? ` (${unbound} not bound)` : ""));
    const { name } = frontend;
    const opened = rate(`frontend ${name} total`, frontend.connections.total);
    const { active } = frontend.connections;
    put(card, "connections", `${whole(active)} open, ${perSecond(opened)} new`);
    const received = bits(rate(`frontend ${name} received`, frontend.bytes.received));
    const sent = bits(rate(`frontend ${name} sent`, frontend.bytes.sent));
    put(card, "bytes", `${received} from clients, ${sent} to clients`);
    chart(card, opened, "new connections", perSecond);
    const denied = Object.entries(frontend.denied).filter(([, count]) => count > 0);
    put(card, "denied", denied.map(([why, count]) => `${count} denied: ${why}`).join(", "));
  }
}

/** Shows one more event, above the others. */
export function showEvent(event: Event): void {
  const list = byId("timeline");
  const time = element("time", "", new Date(event.at).toLocaleString());
  time.setAttribute("datetime", event.at);
  const reason = "reason" in event && event.reason ? because(event.reason) : "";
  list.prepend(element("li", "", time, ` ${event.message}${reason}`));
  while (list.children.length > MOST_EVENTS) list.lastElementChild?.remove();
}

const MOST_EVENTS = 200;
