/**
 * Waiting for many descriptors at once.
 *
 * @see epoll(7)
 */

import { answer, type Fd, libc } from "./libc.ts";

/** @see epoll_create1(2) */
export function epollCreate(): Fd {
  return answer(libc.epoll_create1(EPOLL_CLOEXEC)) as Fd;
}

/**
 * Starts watching `fd`; events come with the 64-bit datum (`low`, `high`).
 *
 * @see epoll_ctl(2)
 */
export function epollAdd(epoll: Fd, fd: Fd, events: number, low: number, high: number): number {
  return control(epoll, EPOLL_CTL_ADD, fd, events, low, high);
}

/** Changes what `fd` is watched for. @see epoll_ctl(2) */
export function epollModify(epoll: Fd, fd: Fd, events: number, low: number, high: number): number {
  return control(epoll, EPOLL_CTL_MOD, fd, events, low, high);
}

/** Stops watching `fd`. @see epoll_ctl(2) */
export function epollDelete(epoll: Fd, fd: Fd): number {
  return control(epoll, EPOLL_CTL_DEL, fd, 0, 0, 0);
}

/**
 * The events of one wait.
 *
 * `struct epoll_event { uint32_t events; epoll_data_t data; }` is packed on x86-64 only: 12 bytes
 * there, elsewhere 16 with the data at 8.
 */
export class EpollEvents {
  readonly #capacity: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #words: Int32Array<ArrayBuffer>;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#bytes = new Uint8Array(capacity * EVENT_BYTES);
    this.#words = new Int32Array(this.#bytes.buffer);
  }

  /**
   * Waits for events, `timeoutMs` at most (−1: for ever).
   *
   * @returns the number of events, or −errno (`-EINTR` after a signal).
   * @see epoll_wait(2)
   */
  wait(epoll: Fd, timeoutMs: number): number {
    return answer(libc.epoll_wait(epoll, this.#bytes, this.#capacity, timeoutMs));
  }

  /**
   * Waits on a thread of its own, so that this thread's event loop goes on. About 40 µs a call, so
   * not for hot paths.
   *
   * @returns the number of events, or −1: errno stays with the other thread.
   * @see epoll_wait(2)
   */
  waitAside(epoll: Fd, timeoutMs: number): Promise<number> {
    return libc.epoll_wait_aside(epoll, this.#bytes, this.#capacity, timeoutMs);
  }

  /** EPOLLIN and the other bits of an event. */
  flags(index: number): number {
    return this.#words[index * EVENT_WORDS]!;
  }

  /** The lower half of an event's datum. */
  low(index: number): number {
    return this.#words[index * EVENT_WORDS + DATA_WORD]!;
  }

  /** The upper half of an event's datum. */
  high(index: number): number {
    return this.#words[index * EVENT_WORDS + DATA_WORD + 1]!;
  }
}

function control(
  epoll: Fd,
  operation: number,
  fd: Fd,
  events: number,
  low: number,
  high: number,
): number {
  eventWords[0] = events;
  eventWords[DATA_WORD] = low;
  eventWords[DATA_WORD + 1] = high;
  return answer(libc.epoll_ctl(epoll, operation, fd, eventBytes));
}

export const EPOLLIN = 0x1;
/** Urgent data has arrived: a read ends before it, though more may be behind it. */
export const EPOLLPRI = 0x2;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
/** One event, then nothing until the watch is modified. */
export const EPOLLONESHOT = 1 << 30;
/** Edge-triggered: an event says what changed, once. Bit 31, hence negative. */
export const EPOLLET = 1 << 31;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

const EVENT_BYTES = Deno.build.arch === "x86_64" ? 12 : 16;
const EVENT_WORDS = EVENT_BYTES / 4;
const DATA_WORD = EVENT_WORDS - 2;

const eventWords = new Int32Array(EVENT_WORDS);
const eventBytes = new Uint8Array(eventWords.buffer);
