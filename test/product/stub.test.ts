/**
 * The committed machine code is what a compiler makes of the stub's source.
 */

import { expect, it } from "vitest";
import type { Machine } from "../../scripts/compile/elf.ts";
import { COMPILER, MACHINE_CODE } from "../../scripts/compile/machine_code.ts";
import { buildStub, compilerVersion } from "../../scripts/compile/stub.ts";

it.each<Machine>(["x86-64", "arm64"])("the stub for %s, compiled anew", async (machine) => {
  const code = await buildStub(machine);
  // Another gcc chooses other instructions: then that it compiles is all that can be said.
  if (await compilerVersion(machine) === COMPILER) {
    expect(code.toBase64()).toBe(MACHINE_CODE[machine]);
  }
  expect(code.length % 16).toBe(0);
});
