/**
 * Changes of a server, confirmed, and given a reason and an end.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import type { Server } from "../model.ts";
import { call, login } from "./api.ts";
import { byId } from "./elements.ts";

type State = Server["admin"];

/** Asks for confirmation and a reason, then for the change; a change without a state is weight. */
export async function ask(shown: Server, state: State | undefined): Promise<void> {
  const { backend, name } = shown;
  const dialog = byId("ask");
  const form = dialog.querySelector("form");
  if (!(dialog instanceof HTMLDialogElement && form)) return;
  byId("ask-title").textContent = state ? `${state} ${backend}/${name}?` : `${backend}/${name}`;
  byId("ask-text").textContent = state
    ? MEANINGS[state]
    : "0 to 256, a percentage of the file's weight such as 50%, or empty for the file's.";
  byId("ask-weight").hidden = state !== undefined;
  byId("ask-deadline").hidden = state === undefined || state === "ready";
  refused("", false);
  byId("ask-token").onclick = () => login().then(() => refused("", false));
  form.reset();
  const field = (key: string) => String(new FormData(form).get(key) ?? "").trim();
  for (;;) {
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (dialog.returnValue !== "ok") return;
    const weight = field("weight");
    // What is neither goes as it was typed: the appliance says what it expected.
    const typed = weight === "" ? null : /^\d+$/.test(weight) ? Number(weight) : weight;
    const [ttl, deadline, reason] = [field("ttl"), field("deadline"), field("reason")];
    const answer = await patch(backend, name, {
      ...(state ? { state } : { weight: typed }),
      ...(ttl && { ttl }),
      ...(deadline && { deadline, onDeadline: "kill" }),
      ...(reason && { reason }),
    });
    if (answer.ok) return;
    refused(answer.detail, answer.status === 403);
  }
}

/** Shows what the appliance has against a change: it may be who asks for it. */
function refused(detail: string, isCaller: boolean): void {
  byId("ask-error").textContent = detail;
  byId("ask-token").hidden = !isCaller;
}

/** What the appliance says to a change. */
async function patch(backend: string, name: string, change: object) {
  const path = [backend, "servers", name].map(encodeURIComponent).join("/");
  try {
    const answer = await call(`/v1/backends/${path}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify(change),
    });
    const { ok, status } = answer;
    return { ok, status, detail: ok ? "" : String((await answer.json()).detail) };
  } catch (error) {
    const detail = `no answer: ${error instanceof Error ? error.message : error}`;
    return { ok: false, status: 0, detail };
  }
}

const MEANINGS: Readonly<Record<State, string>> = {
  ready: "It takes new connections again, as its checks and weight allow.",
  drain: "It takes no new connections; those that are open go on, and so do its checks.",
  maint: "It takes no new connections and is not checked.",
};
