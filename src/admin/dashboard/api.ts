/**
 * The admin API as the page asks it. It keeps nothing but the token, and that no longer than its
 * tab is open.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import { byId } from "./elements.ts";

/** Asks the admin API, with the token if it wants one; without a signal, not for ever. */
export async function call(path: string, request: RequestInit = {}): Promise<Response> {
  const headers = new Headers(request.headers);
  const token = sessionStorage.getItem("token");
  if (token) headers.set("authorization", `Bearer ${token}`);
  const signal = request.signal ?? AbortSignal.timeout(ANSWER_MS);
  const answer = await fetch(path, { ...request, headers, signal });
  if (answer.status !== 401) return answer;
  // Somebody may have given another one meanwhile.
  if (token === sessionStorage.getItem("token")) await login();
  return call(path, request);
}

let asking: Promise<void> | undefined;

/** Asks for a token, once for all who need one. None given is none, where that is enough. */
export function login(): Promise<void> {
  asking ??= new Promise<void>((resolve) => {
    const dialog = byId("login");
    const form = dialog.querySelector("form");
    if (!(dialog instanceof HTMLDialogElement && form)) return;
    form.reset();
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "ok") {
        sessionStorage.setItem("token", String(new FormData(form).get("token") ?? ""));
      }
      asking = undefined;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

/**
 * Follows a stream of server-sent events while the page is looked at; `EventSource` could send no
 * token. A browser has six connections to an appliance for all of its pages: one that is hidden
 * keeps none of them.
 */
export async function follow(path: string, tell: (data: string) => void): Promise<never> {
  let last = "";
  for (;;) {
    const { signal } = turned;
    if (document.hidden) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      continue;
    }
    try {
      const headers = { accept: "text/event-stream", ...(last && { "last-event-id": last }) };
      const answer = await call(path, { headers, signal });
      if (!answer.ok || !answer.body) throw new Error(`${answer.status}`);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        const blocks = (text + read.value).split("\n\n");
        text = blocks.pop() ?? "";
        for (const block of blocks) {
          last = /^id: ?(.*)$/m.exec(block)?.[1] ?? last;
          const data = [...block.matchAll(/^data: ?(.*)$/gm)].map((line) => line[1]).join("\n");
          if (data) tell(data);
        }
      }
    } catch {
      // The appliance restarts, or the network does: what follows says so until it is back.
    }
    if (signal.aborted) continue;
    byId("verdict").textContent = "No answer: trying again";
    byId("verdict").className = "state bad";
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Aborted when the page is hidden, or shown again. */
let turned = new AbortController();
document.addEventListener("visibilitychange", () => {
  turned.abort();
  turned = new AbortController();
});

const ANSWER_MS = 10_000;
