/**
 * `/stats;csv` beside the one of a real HAProxy with the same servers: a scraper must not notice.
 */

import { expect, it } from "vitest";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { COMMON, Lintel, product } from "./product.ts";

const LINTEL = `${COMMON}
frontends: { web: { listen: "127.0.0.1:8080", backend: web } }
backends:
  web:
    check: { type: tcp, interval: 200ms, rise: 1, fall: 1 }
    servers:
      up: { address: "127.0.0.1:8080", weight: 7, maxConnections: 1000 }
      down: { address: "127.0.0.1:1", weight: 9 }
      maint: { address: "127.0.0.1:2", weight: 1, state: maint }
      spare: { address: "127.0.0.1:8080", weight: 5, backup: true }
  free: { check: none, servers: { a: { address: "127.0.0.1:3", weight: 1 } } }
`;

const HAPROXY = `
defaults
  mode tcp
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend stats
  mode http
  bind 127.0.0.1:8404
  stats enable
  stats uri /stats
frontend web
  bind 127.0.0.1:8081
  default_backend web
backend web
  server up 127.0.0.1:8081 check inter 200ms rise 1 fall 1 weight 7 maxconn 1000
  server down 127.0.0.1:1 check inter 200ms rise 1 fall 1 weight 9
  server maint 127.0.0.1:2 disabled
  server spare 127.0.0.1:8081 check inter 200ms rise 1 fall 1 weight 5 backup
backend free
  server a 127.0.0.1:3
`;

/** What says the same of both; the rest is counts of traffic and times. */
const ALIKE = [
  ...["pxname", "svname", "type", "status", "weight", "act", "bck", "check_status", "check_code"],
  "mode",
];

it("has HAProxy's columns, and its words for the same servers", async () => {
  await using lab = Lab.create();
  const host = lab.host("lb1", { addresses: ["10.77.0.1/24"] });
  const lintel = new Lintel(host, await product(), LINTEL);
  await lintel.ready();
  host.spawn(["haproxy", "-db", "-f", host.write("haproxy.cfg", HAPROXY)]);
  const theirs = await eventually("HAProxy has checked all servers", async () => {
    const text = await host.run(["curl", "--silent", "http://127.0.0.1:8404/stats;csv"]);
    return /^web,down,.*,DOWN,/m.test(text) && !text.includes(",INI,") ? text : "";
  });
  await eventually("so has lintel", async () => (await lintel.health("web", "down")) === "down");
  await eventually("all", async () => (await lintel.health("web", "spare")) === "up");
  const ours = await (await lintel.ask("GET", "/stats;csv")).text();
  const header = (text: string) => text.slice(2, text.indexOf("\n"));
  expect(header(theirs).startsWith(header(ours))).toBe(true);
  expect(rows(ours)).toEqual(rows(theirs));
});

/** What of each line is alike, by its name; HAProxy's star says that a check is under way. */
function rows(text: string): Record<string, unknown> {
  const [header, ...lines] = text.trim().split("\n").map((line) => line.split(","));
  const columns = header!.map((name) => name.replace("# ", ""));
  const known = lines.filter(([proxy]) => proxy === "web" || proxy === "free");
  return Object.fromEntries(known.map((line) => [
    `${line[0]}/${line[1]}`,
    Object.fromEntries(ALIKE.map((name) => [name, line[columns.indexOf(name)]?.replace("* ", "")])),
  ]));
}
