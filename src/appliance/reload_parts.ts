/**
 * Puts reloads together with what they work on: the file and its watch, the host, the log and the
 * flight recorder, the directory of good configurations. It decides nothing.
 */

import type { VirtualRouter } from "../admin/model.ts";
import type { Plan } from "../core/plan/plan.ts";
import { Configurations } from "../journal/configurations.ts";
import { ConfigWatch } from "./config_watch.ts";
import { hostFacts } from "./host.ts";
import { loadOnHost, ownFacts, resolvedOnHost } from "./loading.ts";
import type { Log } from "./log.ts";
import type { Recorder } from "./recorder.ts";
import { type Outcome, Reloads, type ReloadsParts } from "./reloads.ts";

/** What the appliance is started with, and what of it reloads touch. */
export interface ReloadSetup {
  readonly file: string;
  readonly text: string;
  readonly plan: Plan;
  readonly apply: ReloadsParts["apply"];
  readonly overruled: ReloadsParts["running"]["overruled"];
  readonly manager: ReloadsParts["manager"];
  readonly log: Log;
  readonly availability: { readonly recorder: Pick<Recorder, "record"> };
  /** What runs, asked for only once it does. */
  readonly shown: () => Shown;
}

/** What is told along with a change. */
export interface Shown {
  frontends(): readonly { readonly name: string; readonly connections: { active: number } }[];
  server(backend: string, name: string): { readonly connections: { active: number } } | undefined;
  virtualRouters(): readonly VirtualRouter[];
}

/** The reloads of an appliance; nothing happens until they are started. */
export function newReloads(setup: ReloadSetup): Reloads {
  const { file, text, plan, apply, overruled, manager, shown } = setup;
  const read = () => Deno.readTextFileSync(file);
  const reloads: Reloads = new Reloads({
    ...{ file, text, plan, read, apply, manager },
    running: {
      load: (text) => {
        const facts = ownFacts(hostFacts(), reloads.plan);
        return loadOnHost(text, { file, node: plan.node, facts });
      },
      connections: (what, name) => {
        if (what === "frontend") {
          return shown().frontends().find((one) => one.name === name)?.connections.active ?? null;
        }
        const [backend = "", server = ""] = name.split("/");
        return shown().server(backend, server)?.connections.active ?? null;
      },
      overruled,
      router: (name) => shown().virtualRouters().find((one) => one.name === name),
    },
    resolve: (text) => resolvedOnHost(text, file, plan.node),
    kept: new Configurations(`${plan.stateDirectory}/configurations`),
    tell: (outcome) => tell(setup, outcome),
    watch: (isWanted) => watch.set(isWanted),
  });
  const watch = new ConfigWatch({
    ...{ file, read },
    isNews: (text) => reloads.isNews(text),
    reload: () => reloads.trigger("watch"),
  });
  return reloads;
}

function tell(
  { log, availability: { recorder } }: ReloadSetup,
  { level, message, problems, isEvent, by, reason }: Outcome,
): void {
  log.write(level, message, { caller: by, reason });
  for (const problem of problems) log.write(level, problem);
  if (isEvent) recorder.record({ kind: "reload", message, by, reason });
}
