/**
 * Figures that the tests in namespaces measure, printed one line each.
 */

import { print } from "../../scripts/lab/print.ts";

/** Prints what was measured: numbers in milliseconds, rounded. */
export function figures(what: string, values: Readonly<Record<string, number | string>>): void {
  const parts = Object.entries(values).map(([name, value]) => {
    return `${name} ${typeof value === "number" ? Math.round(value * 10) / 10 : value}`;
  });
  print(`  # ${what}: ${parts.join(", ")}`);
}

/** Whether the long forms run: `deno task soak`. */
export const isSoak = Deno.env.get("LINTEL_SOAK") === "1";
