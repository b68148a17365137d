/**
 * Chance that can be repeated: keeps checks of many servers from falling on the same instant.
 */

/**
 * Lengthens or shortens a server's interval by up to `SPREAD`, evenly. The same seed, server and
 * round always give the same answer.
 */
export function spreadInterval(
  intervalMs: number,
  { seed, server, round }: { seed: number; server: number; round: number },
): number {
  const fraction = mix(mix(mix(seed) ^ server) ^ round) / 2 ** 32;
  return intervalMs * (1 - SPREAD + 2 * SPREAD * fraction);
}

/** Scatters 32 bits over 32 bits: each input bit changes about half of the output's. */
function mix(value: number): number {
  let bits = (value + 0x9e37_79b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0_aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a_2d97);
  return (bits ^ (bits >>> 15)) >>> 0;
}

/** Share of an interval by which it may be longer or shorter. */
export const SPREAD = 0.05;
