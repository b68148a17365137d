/**
 * A ring of requests to the kernel and of their completions, shared with it: many operations for
 * one system call. It knows what the kernel can do and nothing of what for.
 *
 * A request names its completion by 64 bits of the caller's, `low` and `high`. Whatever a request
 * points to has to stay where it is until the next `enter`; buffers, until the completion.
 *
 * @see io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2)
 */

import { answer, type Fd, libc } from "./libc.ts";
import { close } from "./socket.ts";

/** One ring, for the thread that has opened it. */
export class Ring {
  readonly fd: Fd;
  readonly #maps: readonly Mapping[];
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #requests: Int32Array<ArrayBuffer>;
  /** Places in `#words`. */
  readonly #submissionTail: number;
  readonly #completionHead: number;
  readonly #completionTail: number;
  readonly #completions: number;
  readonly #requestMask: number;
  readonly #completionMask: number;
  #tail = 0;
  #pending = 0;
  /** What waits are told: a `struct io_uring_getevents_arg`, and the time it points to. */
  readonly #wait = new Int32Array(WAIT_WORDS);

  private constructor(fd: Fd, parameters: Uint32Array, rings: Mapping, requests: Mapping) {
    this.fd = fd;
    this.#maps = [rings, requests];
    this.#words = new Int32Array(rings.bytes);
    this.#requests = new Int32Array(requests.bytes);
    const word = (at: number) => parameters[at]! >> 2;
    this.#submissionTail = word(SQ_TAIL);
    this.#completionHead = word(CQ_HEAD);
    this.#completionTail = word(CQ_TAIL);
    this.#completions = word(CQ_CQES);
    this.#requestMask = parameters[SQ_ENTRIES]! - 1;
    this.#completionMask = parameters[CQ_ENTRIES]! - 1;
    // Requests are always taken in the order of their places.
    const array = word(SQ_ARRAY);
    for (let at = 0; at <= this.#requestMask; at++) this.#words[array + at] = at;
    this.#wait[ARG_SIGMASK_SIZE] = SIGSET_BYTES;
    const time = addressOf(this.#wait.subarray(TIME));
    [this.#wait[ARG_TIME], this.#wait[ARG_TIME + 1]] = time;
  }

  /**
   * Opens a ring, close-on-exec.
   *
   * @param requests as many may be pushed between two calls of `enter`; a power of two.
   * @param completions as many may wait to be seen; a power of two.
   * @returns the ring, or −errno: `-ENOSYS` or `-EPERM` where it is not to be had, `-EINVAL` from
   * kernels before 6.1.
   * @see io_uring_setup(2), mmap(2)
   */
  static open(requests: number, completions: number): Ring | number {
    const parameters = new Uint32Array(PARAMS_WORDS);
    parameters[CQ_ENTRIES] = completions;
    parameters[SETUP_FLAGS] = SETUP_CQSIZE | SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER |
      SETUP_DEFER_TASKRUN;
    const bytes = new Uint8Array(parameters.buffer);
    const fd = answer(libc.io_uring_setup(SYS_IO_URING_SETUP, requests, bytes)) as Fd;
    if (fd < 0) return fd;
    const rings = map(
      fd,
      OFFSET_RINGS,
      Math.max(
        parameters[SQ_ARRAY]! + 4 * parameters[SQ_ENTRIES]!,
        parameters[CQ_CQES]! + COMPLETION_BYTES * parameters[CQ_ENTRIES]!,
      ),
    );
    const entries = map(fd, OFFSET_REQUESTS, parameters[SQ_ENTRIES]! * REQUEST_BYTES);
    if (rings && entries) return new Ring(fd, parameters, rings, entries);
    // As long as one of them is there, so is the ring.
    if (rings) libc.munmap(rings.pointer, rings.length);
    close(fd);
    return -ENOMEM;
  }

  /** How many requests have been pushed since the last `enter`. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Hands over what was pushed and waits for a completion, so long at most; 0 does not wait.
   *
   * @returns ≥ 0, or −errno: `-ETIME` when nothing came, `-EINTR` after a signal.
   * @see io_uring_enter(2)
   */
  enter(timeoutMs: number): number {
    Atomics.store(this.#words, this.#submissionTail, this.#tail);
    const wait = this.#wait;
    wait[TIME] = Math.floor(timeoutMs / 1000);
    wait[TIME + 2] = (timeoutMs % 1000) * 1e6;
    const entered = answer(libc.io_uring_enter(
      SYS_IO_URING_ENTER,
      this.fd,
      this.#pending,
      timeoutMs > 0 ? 1 : 0,
      // Completions are only ever brought in while somebody asks for events.
      ENTER_GETEVENTS | ENTER_EXT_ARG,
      wait,
      ARG_BYTES,
    ));
    if (entered > 0) this.#pending -= entered;
    return entered;
  }

  /** The place of the first completion that has not been seen. */
  get head(): number {
    return this.#words[this.#completionHead]!;
  }

  /** The place behind the last completion that has come. */
  get tail(): number {
    return Atomics.load(this.#words, this.#completionTail);
  }

  /** Says that all completions before a place have been seen. */
  seen(place: number): void {
    Atomics.store(this.#words, this.#completionHead, place);
  }

  /** The lower half of a completion's name. */
  low(place: number): number {
    return this.#words[this.#completions + ((place & this.#completionMask) << 2)]!;
  }

  /** The upper half of a completion's name. */
  high(place: number): number {
    return this.#words[this.#completions + ((place & this.#completionMask) << 2) + 1]!;
  }

  /** What came of a request: ≥ 0, or −errno. */
  result(place: number): number {
    return this.#words[this.#completions + ((place & this.#completionMask) << 2) + 2]!;
  }

  /** `CQE_F_MORE` and `CQE_F_BUFFER`; the number of the buffer is in the upper half. */
  flags(place: number): number {
    return this.#words[this.#completions + ((place & this.#completionMask) << 2) + 3]!;
  }

  /** Tells of readiness once, or each time that it changes. @see epoll_ctl(2) for the events */
  poll(fd: Fd, events: number, isMultishot: boolean, low: number, high: number): void {
    const at = this.#push(IORING_OP_POLL_ADD, fd, low, high);
    this.#requests[at + 6] = isMultishot ? POLL_ADD_MULTI : 0;
    this.#requests[at + 7] = events;
  }

  /**
   * Receives whatever comes, each time into one buffer of a group, until it is cancelled or there
   * is no buffer (`-ENOBUFS`). The last completion is the one without `CQE_F_MORE`.
   */
  receive(fd: Fd, group: number, low: number, high: number): void {
    const at = this.#push(
      IORING_OP_RECV | (SQE_BUFFER_SELECT << 8) | (RECV_MULTISHOT << 16),
      fd,
      low,
      high,
    );
    this.#requests[at + 10] = group;
  }

  /** Sends all bytes at an address, or fails. @see send(2) for the flags */
  send(
    fd: Fd,
    addressLow: number,
    addressHigh: number,
    length: number,
    flags: number,
    low: number,
    high: number,
  ): void {
    const at = this.#push(IORING_OP_SEND, fd, low, high);
    this.#requests[at + 4] = addressLow;
    this.#requests[at + 5] = addressHigh;
    this.#requests[at + 6] = length;
    this.#requests[at + 7] = flags;
  }

  /** Sends all bytes of a `struct msghdr`, or fails. @see sendmsg(2) */
  sendMessage(
    fd: Fd,
    addressLow: number,
    addressHigh: number,
    flags: number,
    low: number,
    high: number,
  ): void {
    const at = this.#push(IORING_OP_SENDMSG, fd, low, high);
    this.#requests[at + 4] = addressLow;
    this.#requests[at + 5] = addressHigh;
    this.#requests[at + 6] = 1;
    this.#requests[at + 7] = flags;
  }

  /** Connects. @see connect(2) */
  connect(
    fd: Fd,
    addressLow: number,
    addressHigh: number,
    length: number,
    low: number,
    high: number,
  ): void {
    const at = this.#push(IORING_OP_CONNECT, fd, low, high);
    this.#requests[at + 2] = length;
    this.#requests[at + 4] = addressLow;
    this.#requests[at + 5] = addressHigh;
  }

  /** Cancels the request of a name. Its own completion comes only if there was none. */
  cancel(low: number, high: number, ownLow: number, ownHigh: number): void {
    const at = this.#push(IORING_OP_ASYNC_CANCEL | (SQE_SKIP_SUCCESS << 8), NO_FD, ownLow, ownHigh);
    this.#requests[at + 4] = low;
    this.#requests[at + 5] = high;
  }

  /** Cancels all requests. */
  cancelAll(ownLow: number, ownHigh: number): void {
    const at = this.#push(IORING_OP_ASYNC_CANCEL | (SQE_SKIP_SUCCESS << 8), NO_FD, ownLow, ownHigh);
    this.#requests[at + 7] = ASYNC_CANCEL_ALL | ASYNC_CANCEL_ANY;
  }

  /** Ends the ring. */
  close(): void {
    close(this.fd);
    this.unmap();
  }

  /**
   * Gives the ring's memory back: nothing of it may be used any more. As long as it is there, so is
   * the ring, whoever closes its descriptor.
   */
  unmap(): void {
    for (const { pointer, length } of this.#maps) libc.munmap(pointer, length);
  }

  /** Writes all that requests have in common. @returns the place of its words. */
  #push(operation: number, fd: number, low: number, high: number): number {
    if (this.#pending > this.#requestMask) this.enter(0);
    const words = this.#requests;
    const at = (this.#tail & this.#requestMask) << 4;
    words[at] = operation;
    words[at + 1] = fd;
    words[at + 2] = 0;
    words[at + 3] = 0;
    words[at + 4] = 0;
    words[at + 5] = 0;
    words[at + 6] = 0;
    words[at + 7] = 0;
    words[at + 8] = low;
    words[at + 9] = high;
    words[at + 10] = 0;
    words[at + 11] = 0;
    words[at + 12] = 0;
    words[at + 13] = 0;
    this.#tail = (this.#tail + 1) | 0;
    this.#pending++;
    return at;
  }
}

/** Where a view's memory is: the lower and the upper half of its address, as signed integers. */
export function addressOf(view: Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): Address {
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(view));
  return [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
}

/** The two halves of an address. */
export type Address = readonly [low: number, high: number];

interface Mapping {
  readonly pointer: Deno.PointerObject;
  readonly length: number;
  readonly bytes: ArrayBuffer;
}

function map(fd: Fd, offset: number, length: number): Mapping | undefined {
  const protection = PROT_READ | PROT_WRITE;
  const pointer = libc.mmap(null, length, protection, MAP_SHARED | MAP_POPULATE, fd, offset);
  if (pointer === null || Deno.UnsafePointer.value(pointer) === MAP_FAILED) return undefined;
  return { pointer, length, bytes: Deno.UnsafePointerView.getArrayBuffer(pointer, length) };
}

/** More completions of the same request will come. */
export const CQE_F_MORE = 2;
/** A buffer of a group was used. */
export const CQE_F_BUFFER = 1;

const ENOMEM = 12;
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const SETUP_CQSIZE = 1 << 3;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13;
const ENTER_GETEVENTS = 1;
const ENTER_EXT_ARG = 1 << 3;
const OFFSET_RINGS = 0;
const OFFSET_REQUESTS = 0x1000_0000;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_POPULATE = 0x8000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** `struct io_uring_params`, in words. */
const SQ_ENTRIES = 0;
const CQ_ENTRIES = 1;
const SETUP_FLAGS = 2;
const SQ_TAIL = 11;
const SQ_ARRAY = 16;
const CQ_HEAD = 20;
const CQ_TAIL = 21;
const CQ_CQES = 25;
const PARAMS_WORDS = 30;

const REQUEST_BYTES = 64;
const COMPLETION_BYTES = 16;

/**
 * `struct io_uring_getevents_arg { __u64 sigmask; __u32 sigmask_sz; __u32 pad; __u64 ts; }`, and
 * behind it `struct __kernel_timespec { int64_t tv_sec; long long tv_nsec; }`, in words.
 */
const ARG_SIGMASK_SIZE = 2;
const ARG_TIME = 4;
const ARG_BYTES = 24n;
const TIME = 8;
const SIGSET_BYTES = 8;
/** Large enough for the view to be where it is for good. */
const WAIT_WORDS = 256;

const IORING_OP_POLL_ADD = 6;
const IORING_OP_SENDMSG = 9;
const IORING_OP_ASYNC_CANCEL = 14;
const IORING_OP_CONNECT = 16;
const IORING_OP_SEND = 26;
const IORING_OP_RECV = 27;
const SQE_BUFFER_SELECT = 1 << 5;
const SQE_SKIP_SUCCESS = 1 << 6;
const POLL_ADD_MULTI = 1;
const RECV_MULTISHOT = 1 << 1;
const ASYNC_CANCEL_ALL = 1 << 0;
const ASYNC_CANCEL_ANY = 1 << 2;
const NO_FD = -1;
