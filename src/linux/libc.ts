/**
 * The one `Deno.dlopen`: libc's functions as they are, and their errors as the kernel gives them.
 *
 * `size_t` is declared as `u32` and `ssize_t` as `i32`: no call here moves 2 GiB, the callee sees a
 * zero-extended register on x86-64 and arm64, and a JavaScript number in a 64-bit slot would leave
 * the fast call path, at twenty times the cost.
 */

/** A descriptor of this process. */
export type Fd = number & { readonly __brand: "Fd" };

const symbols = {
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  epoll_wait_aside: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  gettid: { parameters: [], result: "i32" },
  if_indextoname: { parameters: ["u32", "buffer"], result: "pointer" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  io_uring_enter: {
    name: "syscall",
    // The seventh is on the stack, where all 64 bits are read.
    parameters: ["u32", "i32", "u32", "u32", "u32", "buffer", "u64"],
    result: "i32",
  },
  io_uring_register: {
    name: "syscall",
    parameters: ["u32", "i32", "u32", "buffer", "u32"],
    result: "i32",
  },
  io_uring_setup: { name: "syscall", parameters: ["u32", "u32", "buffer"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  mmap: { parameters: ["pointer", "u32", "i32", "i32", "i32", "u32"], result: "pointer" },
  munmap: { parameters: ["pointer", "u32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  ppoll: { parameters: ["buffer", "u32", "buffer", "pointer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recvfrom: { parameters: ["i32", "buffer", "u32", "i32", "buffer", "buffer"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  sched_setscheduler: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "u32", "i32", "buffer", "u32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  splice: { parameters: ["i32", "pointer", "i32", "pointer", "u32", "u32"], result: "i32" },
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" },
  timerfd_settime: { parameters: ["i32", "i32", "buffer", "buffer"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libc's functions. Only files of this folder call them. */
export const libc = Deno.dlopen("libc.so.6", symbols).symbols;

// errno belongs to the thread, and each worker loads this module anew: the address stays right.
const errno = new Int32Array(
  Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, Int32Array.BYTES_PER_ELEMENT),
);

/** Turns libc's −1 back into the kernel's own answer, −errno. Call it on the result at once. */
export function answer(result: number): number {
  return result === -1 ? -errno[0]! : result;
}
