/**
 * The dashboard in a real browser, on a node under load: what it shows, what it changes, whether
 * everybody can use it. Screenshots stay in `dist/screenshots`.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { Nginx } from "../netns/nginx.ts";
import { COMMON, Lintel, product } from "../netns/product.ts";
import { wrk } from "../netns/wrk.ts";

const TOKEN = "the-secret-of-this-test";
const GUEST = "the-secret-of-a-viewer";
const CONFIG = `${
  COMMON.replace(
    "admin: {",
    `admin: { listen: "127.0.0.1:9900",
      tokens: [{ name: ops, role: operator, secret: "file:\${HOST_DIRECTORY}/token" },
        { name: guest, role: viewer, secret: "file:\${HOST_DIRECTORY}/guest" }],`,
  )
}
virtualRouters:
  web: { interface: eth0, vrid: 60, addresses: [10.77.0.100] }
frontends: { web: { listen: "vip:web:80", backend: web } }
backends:
  web:
    check: { type: tcp, interval: 200ms }
    servers: { web1: "10.77.0.21:80", web2: "10.77.0.22:80" }
`;

const PAGE = "http://127.0.0.1:9900/";
const SCREENSHOTS = new URL("../../dist/screenshots/", import.meta.url).pathname;

const lab = Lab.create();
let client: Host;
let lintel: Lintel;
let browser: Browser;
/** What the browser has complained of, on any page. */
const complaints: string[] = [];

beforeAll(async () => {
  const command = await product();
  const node = lab.host("lb1", { addresses: ["10.77.0.1/24"] });
  client = lab.host("client", { addresses: ["10.77.0.50/24"] });
  for (const at of [1, 2]) {
    await Nginx.start(lab.host(`web${at}`, { addresses: [`10.77.0.2${at}/24`] }));
  }
  node.write("token", TOKEN);
  node.write("guest", GUEST);
  lintel = new Lintel(node, command, CONFIG);
  await lintel.ready();
  browser = await chromium.launch({
    executablePath: browserOn(node),
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await lab[Symbol.asyncDispose]();
});

describe("the dashboard", () => {
  it("asks for a token, and then shows everything", async () => {
    const page = await open({});
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByLabel("Token").press("Enter");
    await page.getByText("Ready").first().waitFor();
    await page.locator("#router-cards").getByText(/^Active for/).waitFor();
    await page.locator("#router-cards").getByText("10.77.0.100/32").waitFor();
    await page.locator("#frontend-cards").getByText("10.77.0.100:80").waitFor();
    await page.getByText("2 of 2 servers take connections").waitFor();
    await page.locator("#timeline").getByText(/web is active/).first().waitFor();
    await page.context().close();
  });

  it("drains a server under load, and shows it empty", async () => {
    const page = await signedIn();
    const row = page.getByRole("row", { name: /^web1/ });
    const chart = row.getByRole("img", { name: /^traffic over the last minute, at most / });
    const load = wrk(client, "http://10.77.0.100/", { connections: 8, seconds: 8, close: true });
    await row.getByText(/[1-9]\d* open/).waitFor();
    await row.scrollIntoViewIfNeeded();
    await chart.and(row.getByRole("img", { name: /[kMG]bit\/s$/ })).waitFor();
    await row.getByRole("button", { name: "Drain web/web1" }).click();
    await page.getByLabel("For", { exact: true }).fill("soon");
    await page.getByLabel("Reason").fill("new disk");
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByRole("alert").getByText(/^ttl: /).waitFor();
    await page.getByLabel("For", { exact: true }).fill("2h");
    await page.getByLabel("Kill open connections after").fill("1h");
    await page.getByRole("button", { name: "Do it" }).click();
    await row.getByText("drain", { exact: true }).waitFor();
    await row.getByText(/^ops: new disk, until .*, connections killed at /).waitFor();
    await row.getByText(/^0 open/).waitFor();
    await row.getByText(", 0/s new").waitFor();
    await page.screenshot({ path: `${SCREENSHOTS}drained.png`, fullPage: true });
    await page.locator("#timeline").getByText(/web1.*drain/).first().waitFor();
    const { requests, errors } = await load;
    expect(errors).toEqual({});
    expect(requests).toBeGreaterThan(100);
    expect(await lintel.server("web1")).toMatchObject({ admin: "drain" });
    await page.context().close();
  });

  it("says what the appliance has against a change, and keeps what was typed", async () => {
    const page = await signedIn();
    await page.getByRole("button", { name: "Weight web/web2" }).click();
    await page.getByLabel("Weight", { exact: true }).fill("300");
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByRole("alert").getByText(/0 to 256/).waitFor();
    // What is no number at all does not go back to the file either.
    await page.getByLabel("Weight", { exact: true }).fill("abc");
    const asked = page.waitForRequest((request) => request.method() === "PATCH");
    await page.getByRole("button", { name: "Do it" }).click();
    expect((await asked).postDataJSON()).toEqual({ weight: "abc" });
    await page.getByRole("alert").getByText(/0 to 256/).waitFor();
    await page.getByLabel("Weight", { exact: true }).fill("50%");
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByRole("row", { name: /^web2/ }).getByText("50 (set)").waitFor();
    await page.context().close();
  });

  it("takes another token where the first one may not", async () => {
    const page = await signedIn({}, undefined, GUEST);
    await page.getByRole("button", { name: "Weight web/web2" }).click();
    await page.getByLabel("Weight", { exact: true }).fill("70%");
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByRole("alert").getByText(/needs the role operator; guest is viewer/).waitFor();
    await page.getByRole("button", { name: "Use another token" }).click();
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByLabel("Token").press("Enter");
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByRole("row", { name: /^web2/ }).getByText("70 (set)").waitFor();
    await page.context().close();
  });

  it("works in more tabs than a browser has connections for", async () => {
    const first = await signedIn();
    await hide(first, true);
    for (let tab = 0; tab < 3; tab++) await hide(await signedIn({}, first.context()), true);
    const last = await signedIn({}, first.context());
    await last.getByRole("button", { name: "Weight web/web2" }).click();
    await last.getByLabel("Weight", { exact: true }).fill("60%");
    await last.getByLabel("Reason").fill("the last tab");
    await last.getByRole("button", { name: "Do it" }).click();
    await last.getByRole("row", { name: /^web2/ }).getByText("60 (set)").waitFor();
    expect(await first.getByText("60 (set)").count()).toBe(0);
    await hide(first, false);
    await first.getByRole("row", { name: /^web2/ }).getByText("60 (set)").waitFor();
    await first.locator("#timeline").getByText(/web2.*the last tab/).waitFor();
    await first.context().close();
  });

  it("can be used with the keyboard alone", async () => {
    const page = await signedIn();
    const ready = page.getByRole("button", { name: "Ready web/web1" });
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      if (await ready.evaluate((one) => one === document.activeElement)) break;
    }
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await ready.evaluate((one) => one === document.activeElement)).toBe(true);
    await page.keyboard.press("Enter");
    await page.getByLabel("Reason").press("Enter");
    await page.getByRole("row", { name: /^web1/ }).getByText("ready", { exact: true }).waitFor();
    await page.context().close();
  });

  it.each(["light", "dark"] as const)("can be read: %s, also on a phone", async (colorScheme) => {
    const page = await signedIn({ colorScheme, viewport: { width: 375, height: 700 } });
    expect(await page.evaluate(tooWide)).toBe(false);
    expect(await page.evaluate(faintTexts)).toEqual([]);
    await page.screenshot({ path: `${SCREENSHOTS}phone-${colorScheme}.png`, fullPage: true });
    await page.context().close();
  });

  it("has asked nobody else for anything, and met no error", () => {
    expect(complaints).toEqual([]);
  });
});

type Look = NonNullable<Parameters<Browser["newContext"]>[0]>;

async function open(look: Look, context?: BrowserContext): Promise<Page> {
  const page = await (context ?? await browser.newContext(look)).newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => complaints.push(error.message));
  // That a request is refused is no error, though the browser reports it as one.
  page.on("console", (message) => {
    const isRefusal = /status of (401|403|422)/.test(message.text());
    if (message.type() === "error" && !isRefusal) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!/^(http:\/\/127\.0\.0\.1:9900\/|data:)/.test(request.url())) {
      complaints.push(request.url());
    }
  });
  await page.goto(PAGE);
  return page;
}

async function signedIn(
  look: Look = {},
  context?: BrowserContext,
  token = TOKEN,
): Promise<Page> {
  const page = await open(look, context);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("row", { name: /^web1/ }).waitFor();
  return page;
}

/** A page is in a tab that is seen or not: without a screen, the browser itself shows all. */
async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

/** The browser's program as a script that runs it on a host of the lab. */
function browserOn(host: Host): string {
  const script = host.write(
    "browser.sh",
    `#!/bin/sh\nexec nsenter --net=${host.path} -- chromium "$@"\n`,
  );
  Deno.chmodSync(script, 0o755);
  return script;
}

function tooWide(): boolean {
  return document.documentElement.scrollWidth > document.documentElement.clientWidth;
}

/** Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3 AA). */
function faintTexts(): string[] {
  const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string) => {
    const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Element | null): string => {
    if (!element) return "rgb(255, 255, 255)";
    const color = getComputedStyle(element).backgroundColor;
    return channels(color)[3] === 0 ? behind(element.parentElement) : color;
  };
  return [...document.querySelectorAll("body *")].flatMap((element) => {
    const text = [...element.childNodes].find(({ nodeType, textContent }) =>
      nodeType === Node.TEXT_NODE && textContent?.trim()
    );
    if (!text || !element.checkVisibility()) return [];
    const [one, two] = [getComputedStyle(element).color, behind(element)].map(luminance);
    const contrast = (Math.max(one!, two!) + 0.05) / (Math.min(one!, two!) + 0.05);
    return contrast < 4.5 ? [`${element.tagName} ${text.textContent}: ${contrast.toFixed(2)}`] : [];
  });
}
