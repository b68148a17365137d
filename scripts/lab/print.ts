/**
 * Writing lines to standard output, at once and whole.
 */

/** Writes `text` and a line feed. */
export function print(text: string): void {
  write(`${text}\n`);
}

/** Writes `text` as it is. */
export function write(text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
}
