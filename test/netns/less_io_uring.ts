/**
 * Becomes another program, which the kernel gives no io_uring of more than some requests; 0 is none
 * at all. A seccomp filter refuses it, as a container's profile does.
 *
 *     deno run -A test/netns/less_io_uring.ts REQUESTS COMMAND...
 *
 * @see seccomp(2), execvp(3)
 */

/** `struct sock_filter { __u16 code; __u8 jt; __u8 jf; __u32 k; }`, as two words each. */
function filterOf(requests: number): [number, number][] {
  const jump = (code: number, ifTrue: number, ifFalse: number) =>
    code | (ifTrue << 16) | (ifFalse << 24);
  return [
    [LOAD, NUMBER_AT],
    [jump(IF_EQUAL, 0, 3), SYS_IO_URING_SETUP],
    [LOAD, FIRST_ARGUMENT_AT],
    [jump(IF_GREATER, 0, 1), requests],
    [RETURN, SECCOMP_RET_ERRNO | EPERM],
    [RETURN, SECCOMP_RET_ALLOW],
  ];
}

function addressOf(bytes: BufferSource): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2n;
const SECCOMP_RET_ERRNO = 0x0005_0000;
const SECCOMP_RET_ALLOW = 0x7fff_0000;
const SYS_IO_URING_SETUP = 425;
const EPERM = 1;

/** Instructions of BPF. */
const LOAD = 0x20;
const IF_EQUAL = 0x15;
const IF_GREATER = 0x25;
const RETURN = 0x06;

/** Places in `struct seccomp_data`. */
const NUMBER_AT = 0;
const FIRST_ARGUMENT_AT = 16;

if (import.meta.main) {
  const [requests = "0", ...command] = Deno.args;
  const { symbols } = Deno.dlopen("libc.so.6", {
    prctl: { parameters: ["i32", "u64", "buffer", "u64", "u64"], result: "i32" },
    execvp: { parameters: ["buffer", "buffer"], result: "i32" },
  });
  const filter = Uint32Array.from(filterOf(Number(requests)).flat());
  const program = BigUint64Array.of(BigInt(filter.length / 2), addressOf(filter));
  // Of this thread, and so of the program.
  if (symbols.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0n, 0n) !== 0) {
    throw new Error("the kernel takes no filter");
  }
  const words = command.map((word) => new TextEncoder().encode(`${word}\0`));
  symbols.execvp(words[0]!, BigUint64Array.from([...words.map(addressOf), 0n]));
  throw new Error(`${command[0]} could not be started`);
}
