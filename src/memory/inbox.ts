/**
 * Orders on their way to a thread that blocks: posted as messages, counted in the worker table, and
 * let in only when that says that some are missing. Makes no system call: the caller knows how.
 */

/** What the appliance has posted so far, and how this thread keeps time and awake. */
export interface Posting {
  /** How many orders have been posted after the first. */
  count(): number;
  /** Monotonic, in milliseconds. */
  now(): number;
  /** Makes the thread's next wait return at once. */
  wake(): void;
}

/** The orders of one thread, in the order they were posted. */
export class Inbox<Order> {
  readonly #orders: Order[] = [];
  #taken = 0;
  #arrived = () => {};

  /** A message has come in. */
  put(order: Order): void {
    this.#orders.push(order);
    this.#arrived();
  }

  /** Whether more has been posted than was taken. */
  isBehind(posting: Posting): boolean {
    return posting.count() > this.#taken;
  }

  /**
   * Takes the orders that were posted, as far as they come in a short time: messages come only
   * while nothing runs on this thread. Those that need longer are for the next time, which is soon.
   */
  async take(posting: Posting): Promise<Order[]> {
    const missing = posting.count() - this.#taken;
    const giveUpAt = posting.now() + RECEIVE_MS;
    while (this.#orders.length < missing && posting.now() < giveUpAt) await this.#next();
    const orders = this.#orders.splice(0);
    this.#taken += orders.length;
    if (orders.length < missing) posting.wake();
    return orders;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RECEIVE_MS);
      this.#arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const RECEIVE_MS = 20;
