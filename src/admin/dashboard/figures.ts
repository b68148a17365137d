/**
 * Figures as people read them: rates, charts, durations.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import { isInView } from "./elements.ts";

/** A count that is shown as a rate, and the last rates of it. */
interface Meter {
  at: number;
  total: number;
  rates: number[];
}

/** The rates of a counter a second, oldest first, of which this is the next look. */
export function rate(key: string, total: number): number[] {
  const at = performance.now();
  const meter = meters.get(key);
  if (!meter) {
    meters.set(key, { at, total, rates: [] });
    return [];
  }
  const seconds = (at - meter.at) / 1000;
  if (seconds < 0.5) return meter.rates;
  meter.rates.push(Math.max(0, total - meter.total) / seconds);
  if (meter.rates.length > SAMPLES) meter.rates.shift();
  meter.at = at;
  meter.total = total;
  return meter.rates;
}

/** A whole number with its thousands apart. */
export function whole(value: number): string {
  return formatter.format(value);
}

/** The last rate. */
export function perSecond(rates: readonly number[]): string {
  const last = rates.at(-1);
  return last === undefined ? "–" : `${whole(Math.round(last))}/s`;
}

/** The last rate of bytes, in bits. */
export function bits(rates: readonly number[]): string {
  const last = rates.at(-1);
  if (last === undefined) return "–";
  const scale = Math.min(3, Math.max(0, Math.floor(Math.log10(last * 8 || 1) / 3)));
  return `${(last * 8 / 1000 ** scale).toFixed(scale ? 1 : 0)} ${["", "k", "M", "G"][scale]}bit/s`;
}

/** Draws rates as a small chart, where an element has a part of that name and can be seen. */
export function chart(
  parent: HTMLElement,
  rates: readonly number[],
  what: string,
  format: (rates: readonly number[]) => string,
): void {
  const place = parent.querySelector('[data-part="chart"]');
  if (!place || !isInView(place)) return;
  const svg = place.firstElementChild ?? place.appendChild(emptyChart());
  const most = Math.max(1, ...rates);
  set(svg, "aria-label", `${what} over the last minute, at most ${format([most])}`);
  const points = rates.map((one, at) =>
    `${SAMPLES - rates.length + at},${(19 - one / most * 18).toFixed(1)}`
  );
  if (svg.firstElementChild) set(svg.firstElementChild, "points", points.join(" "));
}

/** Setting what is set already would have the page laid out again. */
function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function emptyChart(): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${SAMPLES} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(line);
  return svg;
}

/** How long ago something was. */
export function ago(time: string | null): string {
  if (!time) return "";
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A reason behind a colon, where there is one. */
export function because(reason: string | null): string {
  return reason ? `: ${reason}` : "";
}

const SAMPLES = 60;
const meters = new Map<string, Meter>();
const formatter = new Intl.NumberFormat();
