/**
 * A virtual router's parameters and the intervals that follow from them (RFC 9568, section 6.1;
 * RFC 3768, section 6.1). Knows no state and no clock.
 */

/** A point in time: milliseconds of a monotonic clock, with fractions. */
export type Instant = number;

/** What one router must know of a virtual router to take part in it (RFC 9568, section 6.1). */
export interface VirtualRouter {
  readonly version: 2 | 3;
  /** As configured: 1 to 254, or 255 for the owner of the addresses. */
  readonly priority: number;
  readonly advertisementIntervalMs: number;
  readonly preempt: boolean;
  /** A lower priority is left in place for so long after it is first heard. */
  readonly preemptDelayMs: number;
  /** Until then nobody is preempted, not even by an owner: a planned handover is to last. */
  readonly preemptFrom: Instant;
  /** Max Advertise Interval of the last advertisement before priority 0: see `handover.ts`. */
  readonly lastIntervalMs: number;
  /** Whether it becomes Active only together with others: see `group.ts`. */
  readonly grouped: boolean;
  /** How often addresses are renewed while Active; `null` if they do not expire. */
  readonly renewIntervalMs: number | null;
  readonly announce: Announcing;
  /**
   * With an advertisement the addresses are announced, too, if they have not been for so long: a
   * peer that yields without a word after a partition leaves its MAC address with the neighbours,
   * and nobody hears of it. `null` where all peers are known to say a last word.
   */
  readonly insistMs: number | null;
}

/** How often the addresses are announced by gratuitous ARP or unsolicited NA. */
export interface Announcing {
  /** Copies in one burst. */
  readonly repeat: number;
  /** A second burst follows the first so much later; 0 means none. */
  readonly delayMs: number;
  /** While Active they are announced at least so often; `null` means never. */
  readonly refreshMs: number | null;
  /** Copies of such a refresh. */
  readonly refreshRepeat: number;
}

/** Whether this router owns the addresses: always Active while it runs, whatever `preempt` says. */
export function isOwner(router: VirtualRouter): boolean {
  return router.priority === PRIORITY_OWNER;
}

/** Whether a lower priority is taken over from (Preempt_Mode): an owner always does. */
export function preempts(router: VirtualRouter, now: Instant): boolean {
  return now >= router.preemptFrom && (router.preempt || isOwner(router));
}

/**
 * Skew_Time: makes the router of higher priority the first to notice that the Active is gone. A
 * part of the interval in version 3, of a second in version 2 (RFC 3768, section 6.1).
 *
 * @param activeIntervalMs the Active's advertisement interval.
 */
export function skewTime(
  { version }: Pick<VirtualRouter, "version">,
  priority: number,
  activeIntervalMs: number,
): number {
  const wholeMs = version === 2 ? 1_000 : activeIntervalMs;
  return (PRIORITIES - priority) * wholeMs / PRIORITIES;
}

/** Active_Down_Interval: silence for so long means that there is no Active any more. */
export function activeDownInterval(
  router: Pick<VirtualRouter, "version">,
  priority: number,
  activeIntervalMs: number,
): number {
  return DOWN_ADVERTISEMENTS * activeIntervalMs + skewTime(router, priority, activeIntervalMs);
}

/**
 * The effective priority a tracked one comes to: never 0 or 255 by itself, and fixed for an owner.
 */
export function effectivePriority(router: VirtualRouter, tracked: number): number {
  return isOwner(router) ? PRIORITY_OWNER : Math.min(Math.max(tracked, 1), PRIORITY_OWNER - 1);
}

/** Advertised by an Active that gives the virtual router up (RFC 9568, section 5.2.4). */
export const PRIORITY_RELEASE = 0;

/** The priority of the router that owns the addresses (RFC 9568, section 5.2.4). */
export const PRIORITY_OWNER = 255;

const PRIORITIES = 256;
const DOWN_ADVERTISEMENTS = 3;
