/**
 * Error numbers, and what to say of them where a call must not fail.
 *
 * @see errno(3)
 */

/** A system call failed that the caller could not do without. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** The positive error number. */
  readonly errno: number;
  /** Its name in the headers, such as `EADDRINUSE`. */
  readonly code: string;

  constructor(call: string, errno: number) {
    const [code, meaning] = describe(errno);
    super(`${call}: ${meaning} (${code})`);
    this.errno = errno;
    this.code = code;
  }
}

/**
 * Passes a result ≥ 0 through.
 *
 * @throws {SystemError} naming `call`, for −errno.
 */
export function must<Result extends number>(call: string, result: Result): Result {
  if (result < 0) throw new SystemError(call, -result);
  return result;
}

/** The name of an error number, such as `EADDRINUSE`. */
export function errorName(errno: number): string {
  return describe(errno)[0];
}

/** Whether a call failed because this process or host has run out of something. */
export function isShortage(errno: number): boolean {
  return errno === EMFILE || errno === ENFILE || errno === ENOBUFS || errno === ENOMEM;
}

function describe(errno: number): readonly [code: string, meaning: string] {
  return ERRORS.get(errno) ?? [`errno ${errno}`, "error"];
}

export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const EPIPE = 32;
export const ENOSYS = 38;
export const ETIME = 62;
export const EMSGSIZE = 90;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const ENOTCONN = 107;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;
export const ECANCELED = 125;

const ERRORS = new Map<number, readonly [code: string, meaning: string]>([
  [EPERM, ["EPERM", "operation not permitted"]],
  [ENOENT, ["ENOENT", "no such file or directory"]],
  [ESRCH, ["ESRCH", "not there"]],
  [EINTR, ["EINTR", "interrupted by a signal"]],
  [EBADF, ["EBADF", "bad file descriptor"]],
  [EAGAIN, ["EAGAIN", "nothing there yet"]],
  [ENOMEM, ["ENOMEM", "out of memory"]],
  [EACCES, ["EACCES", "permission denied"]],
  [EBUSY, ["EBUSY", "device or resource busy"]],
  [EEXIST, ["EEXIST", "exists already"]],
  [ENODEV, ["ENODEV", "no such device"]],
  [EINVAL, ["EINVAL", "invalid argument"]],
  [ENFILE, ["ENFILE", "too many open files on this host"]],
  [EMFILE, ["EMFILE", "too many open files in this process"]],
  [EPIPE, ["EPIPE", "the other side has closed"]],
  [ENOSYS, ["ENOSYS", "not offered by this kernel"]],
  [ETIME, ["ETIME", "nothing came in time"]],
  [EMSGSIZE, ["EMSGSIZE", "message too long"]],
  [EAFNOSUPPORT, ["EAFNOSUPPORT", "this host has no such family of addresses"]],
  [EADDRINUSE, ["EADDRINUSE", "address already in use"]],
  [EADDRNOTAVAIL, ["EADDRNOTAVAIL", "address not on this host"]],
  [ENETDOWN, ["ENETDOWN", "network is down"]],
  [ENETUNREACH, ["ENETUNREACH", "network is unreachable"]],
  [ECONNABORTED, ["ECONNABORTED", "connection aborted"]],
  [ECONNRESET, ["ECONNRESET", "connection reset"]],
  [ENOBUFS, ["ENOBUFS", "no buffer space"]],
  [ETIMEDOUT, ["ETIMEDOUT", "timed out"]],
  [ECONNREFUSED, ["ECONNREFUSED", "connection refused"]],
  [EHOSTUNREACH, ["EHOSTUNREACH", "host is unreachable"]],
  [EINPROGRESS, ["EINPROGRESS", "in progress"]],
]);
