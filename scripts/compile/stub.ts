/**
 * Builds `machine_code.ts` from `stub.c`: for whoever changes the stub. Nobody else needs a
 * compiler.
 *
 *     deno run -A scripts/compile/stub.ts
 *
 * It needs gcc and gcc-aarch64-linux-gnu. A test builds the stub again and compares.
 */

import type { Machine } from "./elf.ts";

/** Machine code of the stub, as the compiler at hand makes it. */
export async function buildStub(machine: Machine): Promise<Uint8Array<ArrayBuffer>> {
  const { prefix, flags } = COMPILERS[machine];
  const directory = await Deno.makeTempDir({ prefix: "lintel-stub-" });
  try {
    const [object, linked, code] = ["o", "elf", "bin"].map((end) => `${directory}/stub.${end}`);
    await run(`${prefix}gcc`, ...FLAGS, ...flags, "-c", here("stub.c"), "-o", object!);
    await run(`${prefix}ld`, "-T", here("stub.ld"), object!, "-o", linked!);
    await run(`${prefix}objcopy`, "-O", "binary", "-j", ".text", linked!, code!);
    return await Deno.readFile(code!);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Which gcc is at hand, such as `12.2.0`: another one may well choose other instructions. */
export async function compilerVersion(machine: Machine): Promise<string> {
  return (await run(`${COMPILERS[machine].prefix}gcc`, "-dumpfullversion")).trim();
}

/** SHA-256 of what the machine code is built from, in hexadecimal. */
export async function sourceHash(): Promise<string> {
  const source = await Deno.readTextFile(here("stub.c")) + await Deno.readTextFile(here("stub.ld"));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(source));
  return new Uint8Array(digest).toHex();
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} failed:\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

function here(file: string): string {
  return new URL(file, import.meta.url).pathname;
}

async function writeMachineCode(): Promise<void> {
  const lines = async (machine: Machine) => {
    const text = (await buildStub(machine)).toBase64().match(/.{1,88}/g) ?? [];
    return text.map((line) => `    "${line}",`).join("\n");
  };
  await Deno.writeTextFile(
    here("machine_code.ts"),
    `/**
 * The entry stub as machine code, made from \`stub.c\` by \`stub.ts\`. Not edited by hand.
 */

import type { Machine } from "./elf.ts";

/** SHA-256 of the source that the code was built from. */
export const SOURCE_HASH = "${await sourceHash()}";

/** The gcc that built it. */
export const COMPILER = "${await compilerVersion("x86-64")}";

/** In base64. */
export const MACHINE_CODE: Readonly<Record<Machine, string>> = {
  "x86-64": [
${await lines("x86-64")}
  ].join(""),
  "arm64": [
${await lines("arm64")}
  ].join(""),
};
`,
  );
}

const COMPILERS: Readonly<Record<Machine, { prefix: string; flags: readonly string[] }>> = {
  "x86-64": { prefix: "x86_64-linux-gnu-", flags: ["-fcf-protection=none", "-mno-sse"] },
  "arm64": { prefix: "aarch64-linux-gnu-", flags: ["-mgeneral-regs-only", "-mcmodel=tiny"] },
};

const FLAGS = [
  ...["-Os", "-ffreestanding", "-fPIE", "-nostdlib", "-fno-builtin", "-fno-stack-protector"],
  ...["-fno-asynchronous-unwind-tables", "-fno-tree-loop-distribute-patterns", "-Wall", "-Wextra"],
];

if (import.meta.main) await writeMachineCode();
