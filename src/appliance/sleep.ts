/**
 * Waiting, for what runs beside the workers. Nothing here keeps the process from ending.
 */

/** Resolves after so long, or at once when `signal` is aborted. */
export function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal?.addEventListener("abort", end);
  });
}

/** Resolves once `condition` holds or `signal` is aborted, but not after more than so long. */
export async function sleepUntil(
  condition: () => boolean,
  boundMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const endAt = performance.now() + boundMs;
  while (!signal?.aborted && !condition() && performance.now() < endAt) {
    await sleep(POLL_MS, signal);
  }
}

const POLL_MS = 20;
