/**
 * What operators have said of servers, over `kill -9` at any moment: every answer that somebody has
 * had is in force after the restart.
 */

import { crc32 } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Lab } from "../../scripts/lab/lab.ts";
import type { Host } from "../../scripts/lab/host.ts";
import { delay } from "../../scripts/lab/wait.ts";
import type { ShownFact } from "../../src/admin/model.ts";
import { isSoak } from "./figures.ts";
import { COMMON, Lintel, product } from "./product.ts";

const SERVERS = Array.from({ length: 8 }, (_, at) => `s${at}`);
const CONFIG = `${COMMON}workers: 1
frontends: { web: { listen: "127.0.0.1:80", backend: web } }
backends:
  web:
    check: none
    servers: { ${SERVERS.map((name, at) => `${name}: "127.0.0.1:${1000 + at}"`).join(", ")} }
`;
const ROUNDS = isSoak ? 200 : 5;
/** So many changes are more than the journal takes before it is written anew. */
const LONG = 15;
/** As in src/journal. */
const COMPACT_AT = 1_000;

let lab: Lab;
let host: Host;
let command: readonly string[];

beforeAll(async () => {
  command = await product();
  lab = Lab.create();
  host = lab.host("lb1", { addresses: ["10.77.0.1/24"] });
});

afterAll(() => lab?.[Symbol.asyncDispose]());

it("loses nothing that was acknowledged, whenever it is killed", async () => {
  /** What was acknowledged, and the one change that was asked for after it, if any. */
  let known = new Map<string, unknown>();
  let asked: Change | undefined;
  let compactions = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const lines = padJournal(COMPACT_AT + 2 * known.size);
    const lintel = await start();
    const now = await inForce(lintel);
    for (const id of new Set([...known.keys(), ...now.keys(), asked?.id ?? ""])) {
      const expected = [known.get(id), asked?.id === id ? asked.value : known.get(id)];
      expect(expected, `${id} in round ${round}`).toContainEqual(now.get(id));
    }
    known = now;
    // The first round is long enough for the journal to be written anew in it.
    const most = round === 0 ? LONG : Math.ceil(Math.random() * LONG);
    let killed: Promise<void> | undefined;
    try {
      // Each round begins with another one.
      for (let at = round, made = 0;; at++) {
        asked = changeAt(at, round, known);
        if (!asked) continue;
        const { method, path, body, id, value } = asked;
        await lintel.json(method, path, body);
        if (value === undefined) known.delete(id);
        else known.set(id, value);
        if (++made < most) continue;
        killed ??= delay(Math.random() * 20).then(() => lintel.process.kill("SIGKILL"));
      }
    } catch (error) {
      // It has been killed, as it was meant to be.
      if (!killed) throw error;
    }
    await killed;
    await lintel.process.status;
    if (journalLines() < lines) compactions++;
  }
  expect(compactions).toBeGreaterThan(0);
});

it("has drains again after a restart, and who made them, unless the file overrules", async () => {
  const first = await start();
  await first.patchServer("web", "s0", { state: "drain", reason: "disk", ttl: "2h" });
  const before = await first.server("s0");
  await first.process.stop();
  const second = await start();
  expect(await second.server("s0")).toMatchObject({ admin: "drain", override: before.override });
  await second.process.stop();
  const inMaint = 's0: { address: "127.0.0.1:1000", state: maint }';
  const third = await start(CONFIG.replace('s0: "127.0.0.1:1000"', inMaint));
  expect(await third.server("s0")).toMatchObject({ admin: "maint" });
  expect(third.process.output).toMatch(/web:s0:state is over: the file says maint now/);
  await third.process.stop();
});

async function start(config = CONFIG): Promise<Lintel> {
  const lintel = new Lintel(host, command, config);
  await lintel.ready();
  return lintel;
}

/** A request, and what is to be said of what afterwards; nothing where that is `undefined`. */
interface Change {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly id: string;
  readonly value: unknown;
}

/** Changes of every kind, one after the other; none where there is nothing to take back. */
function changeAt(
  at: number,
  round: number,
  known: ReadonlyMap<string, unknown>,
): Change | undefined {
  const path = "/v1/backends/web/servers";
  const name = SERVERS[at % SERVERS.length]!;
  const weight = 1 + (round * 31 + at) % 99;
  const isAdded = (id: string) => id.endsWith(":server");
  switch (at % 5) {
    case 0: {
      const body = { weight };
      return patched(`${path}/${name}`, body, `web:${name}:weight`, weight);
    }
    case 1: {
      const state = at % 2 === 0 ? "drain" : "maint";
      return patched(`${path}/${name}`, { state }, `web:${name}:state`, state);
    }
    case 2: {
      const id = [...known.keys()].find((id) => !isAdded(id));
      return id === undefined
        ? undefined
        : { method: "DELETE", path: `/v1/overrides/${id}`, id, value: undefined };
    }
    case 3: {
      const extra = `x${at % 3}`;
      const body = { address: `127.0.0.1:${2000 + at % 3}`, weight };
      return {
        method: "PUT",
        path: `${path}/${extra}`,
        body,
        id: `web:${extra}:server`,
        value: weight,
      };
    }
    default: {
      const id = [...known.keys()].find(isAdded);
      const [, extra] = id?.split(":") ?? [];
      return id === undefined
        ? undefined
        : { method: "DELETE", path: `${path}/${extra}`, id, value: undefined };
    }
  }
}

function patched(path: string, body: object, id: string, value: unknown): Change {
  return { method: "PATCH", path, body, id, value };
}

/** What is said of servers beside the file, which has to be what these servers are. */
async function inForce(lintel: Lintel): Promise<Map<string, unknown>> {
  const { items } = await lintel.json("GET", "/v1/overrides") as { items: ShownFact[] };
  const said = new Map<string, unknown>(items.map((fact) => [
    fact.id,
    fact.field === "server" ? fact.value.weight : fact.value,
  ]));
  const { servers } = await lintel.backend();
  for (const { name, admin, weight } of servers) {
    expect(admin, name).toBe(said.get(`web:${name}:state`) ?? "ready");
    expect(weight.effective, name).toBe(
      said.get(`web:${name}:server`) ?? said.get(`web:${name}:weight`) ?? 100,
    );
  }
  const extra = servers.map(({ name }) => name).filter((name) => !SERVERS.includes(name));
  const added = items.filter(({ field }) => field === "server").map(({ server }) => server);
  expect(extra.sort()).toEqual(added.sort());
  return said;
}

/** Has the journal be of so many lines that few more have it written anew. */
function padJournal(lines: number): number {
  const text = '["web:nobody:weight"]';
  const line = `${crc32(text).toString(16).padStart(8, "0")} ${text}\n`;
  const missing = Math.max(0, lines - journalLines());
  Deno.writeTextFileSync(journal(), line.repeat(missing), { append: true });
  return journalLines();
}

function journalLines(): number {
  try {
    return Deno.readTextFileSync(journal()).split("\n").length - 1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

function journal(): string {
  return `${host.directory}/overrides.journal`;
}
