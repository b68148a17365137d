/**
 * Waiting for something to come true, with a deadline.
 */

/** A deadline passed before what was waited for came true. */
export class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}

/**
 * Asks `probe` again and again until it answers something truthy, and returns that. What it throws
 * counts as "not yet", and is part of the message when the deadline passes.
 */
export async function eventually<Answer>(
  what: string,
  probe: () => Answer | Promise<Answer>,
  { deadlineMs = 10_000, everyMs = 20 }: { deadlineMs?: number; everyMs?: number } = {},
): Promise<Answer> {
  const deadlineAt = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadlineAt) {
      throw new DeadlinePassed(
        `${what}: not within ${deadlineMs} ms (last: ${Deno.inspect(last)})`,
      );
    }
    await delay(everyMs);
  }
}

/** Asks `probe` for the whole of `forMs`, and throws as soon as it answers something falsy. */
export async function always(
  what: string,
  probe: () => unknown,
  { forMs, everyMs = 20 }: { forMs: number; everyMs?: number },
): Promise<void> {
  const endAt = performance.now() + forMs;
  while (performance.now() < endAt) {
    if (!await probe()) throw new Error(`${what}: no longer so`);
    await delay(everyMs);
  }
}

/** Resolves after `ms`. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
