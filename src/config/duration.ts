/**
 * Durations as people write them, `1.5m`, and as programs count them, in milliseconds.
 */

/** What a duration looks like, for schemas. */
export const DURATION = /^\d+(?:\.\d+)?(?:us|ms|s|m|h|d)$/;

/** Milliseconds of a duration such as `250ms`; `undefined` if the text is not one. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  const unit = text.replace(/^[\d.]+/, "");
  const perUnit = UNITS_MS.get(unit);
  if (perUnit === undefined) return undefined;
  // Microseconds are the finest unit: rounding to them takes back what binary fractions add.
  return Math.round(Number.parseFloat(text) * perUnit * 1000) / 1000;
}

/** Milliseconds of a duration that a schema has accepted. */
export function milliseconds(written: string): number {
  return parseDuration(written) ?? 0;
}

/** Writes milliseconds in the largest unit that keeps the number whole, else in seconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  for (const [unit, perUnit] of UNITS_MS) {
    const amount = Math.round((ms / perUnit) * 1e6) / 1e6;
    if (amount >= 1 && Number.isInteger(amount)) return `${amount}${unit}`;
    if (unit === "s" && amount >= 1) return `${amount}s`;
  }
  return `${Math.round(ms * 1000)}us`;
}

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
  ["us", 0.001],
]);
