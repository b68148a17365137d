import { expect, it } from "vitest";
import { createAdminApp } from "../../../src/admin/app.ts";
import type { Door } from "../../../src/admin/callers.ts";
import type { OverrideFact } from "../../../src/core/plan/override.ts";
import { Random } from "../../simulation/random.ts";
import { ApiDocument } from "./api_document.ts";
import { RequestMaker } from "./api_requests.ts";
import { FakeAppliance, makeConnection, makeEvent } from "./fake_appliance.ts";

const NAMES = {
  backend: ["masters", "web"],
  server: ["master1", "master2"],
  name: ["masters", "web", "kube-api", "kube-apiserver"],
  id: ["masters:master1:state"],
  virtualRouter: ["kube-api"],
};
const SUBJECT = { names: NAMES, text: ["workers: 2", "broken", "{"], forced: {} };

const SAID = { backend: "masters", by: "ops", reason: null, at: "2026-01-02T03:04:05Z" };
const FACTS: readonly OverrideFact[] = [
  { ...SAID, server: "master1", until: null, field: "weight", value: 7, file: 100 },
  {
    ...{ ...SAID, server: "master1", until: null, field: "state", value: "drain", file: "ready" },
    deadline: null,
  },
  {
    ...{ ...SAID, server: "added", until: null, field: "server", file: null },
    value: { address: "2001:db8::9", family: 6, port: null, weight: 100 },
  },
];

const VIEWER: Door = { kind: "tcp", loopback: true, tokens: [] };

it.each([1, 2])("every answer is what the document says (seed %i)", async (seed) => {
  const appliance = new FakeAppliance();
  appliance.open = [makeConnection("0.1.7")];
  appliance.happens(makeEvent(1));
  const faults: unknown[] = [];
  let now = 0;
  const apps = [{ kind: "socket" } as const, VIEWER]
    .map((door) => createAdminApp(appliance, door, (error) => faults.push(error), () => now));
  const document = new ApiDocument(await (await apps[0]!.request("/openapi.json")).json());
  const maker = new RequestMaker(document, new Random(seed));
  const wrong: string[] = [];
  const succeeded = new Set<string>();
  for (let count = 0; count < 1_000; count++) {
    now += 100;
    appliance.facts = FACTS;
    appliance.conflict = count % 10 === 0 ? "not now" : undefined;
    const { method, target, headers: made, body } = maker.next(SUBJECT);
    const headers = new Headers({ host: "localhost" });
    for (const [name, value] of made) headers.append(name, value);
    const request = new Request(`http://localhost${target}`, { method, body, headers });
    const response = await apps[count % 3 === 0 ? 1 : 0]!.fetch(request);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    const text = isStream ? "" : await response.text();
    if (isStream) await response.body?.cancel();
    const operation = document.find(method, new URL(request.url).pathname);
    const said = { status: response.status, headers: response.headers, text };
    if (response.ok && operation) succeeded.add(`${method} ${operation.path}`);
    const found = operation
      ? document.mismatches(operation, said)
      : response.status < 500
      ? []
      : [`${response.status}`];
    wrong.push(...found.map((one) => `${method} ${target}: ${one}`));
  }
  expect(wrong).toEqual([]);
  expect(faults).toEqual([]);
  // Requests that all fail at the first hurdle would show nothing.
  expect(succeeded.size).toBeGreaterThan(document.operations.length * 0.7);
});
