/*
 * The entry of a self-contained lintel: a few hundred bytes that run once, after the dynamic linker
 * and before deno's own `_start`. They put the bundle into a sealed memfd and start deno on it, as
 * if somebody had typed `deno run FLAGS /proc/self/fd/N ARGUMENTS`. Everything else is left alone.
 *
 * Freestanding: no libc, no relocation, no writable data. `stub.ts` turns this file into the machine
 * code in `machine_code.ts`; `pack.ts` appends `struct payload` and what it points at.
 */

typedef unsigned long u64;
typedef long i64;

/* Written by pack.ts right behind the code. Offsets count from the address of this struct. */
struct payload {
  i64 entry;             /* deno's own entry point */
  i64 environ_slot;      /* GOT slot that holds the address of libc's `environ` */
  u64 bundle, bundle_length;
  u64 flags, flag_count; /* strings, each ended by NUL: deno's arguments before the bundle */
  u64 variables, variable_count; /* likewise: put before the environment, so that they hold */
};
extern const struct payload payload __attribute__((visibility("hidden")));

enum {
  MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_NOEXEC_SEAL = 8,
  F_DUPFD_CLOEXEC = 1030, F_ADD_SEALS = 1033,
  SEAL_ALL = 15,   /* SEAL, SHRINK, GROW, WRITE */
  EINVAL = 22,
  LOWEST_FD = 100, /* out of the way of descriptors that our caller passes on */
  PATH_SIZE = 48,  /* "/proc/self/fd/" and any number */
  SLACK = 32       /* two roundings to 16 bytes */
};

#if defined(__x86_64__)

enum { WRITE = 1, CLOSE = 3, EXIT = 60, FCNTL = 72, MEMFD_CREATE = 319 };

static i64 call(i64 number, i64 a, i64 b, i64 c) {
  i64 result;
  __asm__ volatile("syscall" : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

/* In: rsp = argc, argv, envp, auxv; rdx = what to run at exit. Out: the same, with a new stack. */
__asm__(
    ".section .text.start,\"ax\"\n"
    ".globl stub_start\n"
    "stub_start:\n"
    "  mov %rsp, %r12\n"
    "  mov %rdx, %r13\n"
    "  mov %r12, %rdi\n"
    "  and $-16, %rsp\n"
    "  call stack_size\n"
    "  sub %rax, %rsp\n" /* a multiple of 16 */
    "  mov %rsp, %rsi\n"
    "  mov %r12, %rdi\n"
    "  mov %rsp, %r12\n"
    "  call build_stack\n"
    "  mov %r12, %rsp\n"
    "  mov %r13, %rdx\n"
    "  xor %ebp, %ebp\n"
    "  jmp *%rax\n");

#elif defined(__aarch64__)

enum { FCNTL = 25, CLOSE = 57, WRITE = 64, EXIT = 93, MEMFD_CREATE = 279 };

static i64 call(i64 number, i64 a, i64 b, i64 c) {
  register i64 x8 __asm__("x8") = number;
  register i64 x0 __asm__("x0") = a;
  register i64 x1 __asm__("x1") = b;
  register i64 x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}

/* In: sp = argc, argv, envp, auxv; x0 = what to run at exit. Out: the same, with a new stack. */
__asm__(
    ".section .text.start,\"ax\"\n"
    ".globl stub_start\n"
    "stub_start:\n"
    "  mov x19, x0\n"
    "  mov x20, sp\n"
    "  mov x0, x20\n"
    "  bl stack_size\n"
    "  sub sp, sp, x0\n" /* a multiple of 16 */
    "  mov x0, x20\n"
    "  mov x1, sp\n"
    "  mov x20, sp\n"
    "  bl build_stack\n"
    "  mov x16, x0\n"
    "  mov sp, x20\n"
    "  mov x0, x19\n"
    "  mov x29, #0\n"
    "  mov x30, #0\n"
    "  br x16\n");

#else
#error "the stub is written for x86-64 and arm64"
#endif

static void fail(const char *message) {
  u64 length = 0;
  while (message[length]) length++;
  call(WRITE, 2, (i64)message, length);
  call(EXIT, 127, 0, 0);
  __builtin_unreachable();
}

/* The bundle in a memfd that nobody can change any more. */
static i64 open_bundle(void) {
  const char *bundle = (const char *)&payload + payload.bundle;
  i64 low = call(MEMFD_CREATE, (i64)"lintel", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL, 0);
  if (low == -EINVAL) { /* before Linux 6.3 */
    low = call(MEMFD_CREATE, (i64)"lintel", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0);
  }
  if (low < 0) fail("lintel: memfd_create(2) failed: no memory, or refused by seccomp\n");
  for (u64 done = 0; done < payload.bundle_length;) {
    i64 written = call(WRITE, low, (i64)(bundle + done), payload.bundle_length - done);
    if (written <= 0) fail("lintel: writing the bundle to memory failed: no memory\n");
    done += written;
  }
  i64 high = call(FCNTL, low, F_DUPFD_CLOEXEC, LOWEST_FD);
  if (high < 0) high = low; /* RLIMIT_NOFILE is that small */
  else call(CLOSE, low, 0, 0);
  call(FCNTL, high, F_ADD_SEALS, SEAL_ALL);
  return high;
}

static void write_path(char *to, i64 descriptor) {
  for (const char *from = "/proc/self/fd/"; *from;) *to++ = *from++;
  char digits[20];
  int count = 0;
  do digits[count++] = '0' + descriptor % 10;
  while (descriptor /= 10);
  while (count) *to++ = digits[--count];
  *to = 0;
}

/* Puts the addresses of `count` strings at `to`, which ends behind them. */
static u64 *list(u64 *to, u64 offset, u64 count) {
  const char *text = (const char *)&payload + offset;
  for (u64 i = 0; i < count; i++) {
    *to++ = (u64)text;
    while (*text++) {}
  }
  return to;
}

/* Bytes that the new stack takes: the old one's words, what is added, and the path. */
__attribute__((used)) u64 stack_size(const u64 *old) {
  const u64 *end = old + 1 + old[0] + 1;
  while (*end++) {}
  while (*end) end += 2;
  end += 2;
  u64 words = (u64)(end - old) + payload.flag_count + payload.variable_count + 2;
  return (words * sizeof(u64) + PATH_SIZE + SLACK) & ~15UL;
}

/* Writes the new stack and answers where to go on. */
__attribute__((used)) u64 build_stack(const u64 *old, u64 *new) {
  u64 size = stack_size(old);
  char *path = (char *)new + size - PATH_SIZE;
  write_path(path, open_bundle());

  u64 count = old[0];
  const u64 *from = old + 1;
  u64 *to = new + 1;
  *to++ = count ? *from : (u64)path;
  to = list(to, payload.flags, payload.flag_count);
  *to++ = (u64)path;
  for (u64 i = 1; i < count; i++) *to++ = from[i];
  *new = (u64)(to - new) - 1;
  *to++ = 0;

  /* The dynamic linker has shown libc the old environment already. */
  **(u64 ***)((char *)&payload + payload.environ_slot) = to;
  to = list(to, payload.variables, payload.variable_count);
  for (from += count + 1; *from;) *to++ = *from++;
  *to++ = 0;

  /* The auxiliary vector: pairs, ended by a pair whose first is AT_NULL. */
  for (from++; *from; from += 2) {
    *to++ = from[0];
    *to++ = from[1];
  }
  *to++ = 0;
  *to++ = 0;
  return (u64)((char *)&payload + payload.entry);
}
