/**
 * The packer, on the deno that runs this test.
 */

import { beforeAll, describe, expect, it } from "vitest";
import { Elf, PT_LOAD, PT_NOTE, type Segment } from "../../../../scripts/compile/elf.ts";
import { MACHINE_CODE, SOURCE_HASH } from "../../../../scripts/compile/machine_code.ts";
import { pack } from "../../../../scripts/compile/pack.ts";
import { sourceHash } from "../../../../scripts/compile/stub.ts";

const LAUNCH = { flags: ["run", "-A"], variables: ["A=1"] };
const BUNDLE = new TextEncoder().encode("console.log(1);");

let deno: Uint8Array<ArrayBuffer>;
let packed: Uint8Array;

beforeAll(() => {
  deno = Deno.readFileSync(Deno.execPath());
  packed = pack(deno, BUNDLE, LAUNCH);
});

describe("pack()", () => {
  it("gives the same bytes for the same input", async () => {
    expect(await digest(pack(deno, BUNDLE, LAUNCH))).toEqual(await digest(packed));
  });

  it("adds a segment behind the others that starts with the entry stub", () => {
    const elf = new Elf(packed);
    const added = elf.segments.findLast(({ type }) => type === PT_LOAD)!;
    expect(elf.entry).toBe(added.address);
    const code = Uint8Array.fromBase64(MACHINE_CODE[elf.machine]);
    expect(packed.slice(added.offset, added.offset + code.length)).toEqual(code);
    expect(added.offset + added.fileSize).toBe(packed.length);
    expect(added.offset % 0x10000).toBe(added.address % 0x10000);
    const others = elf.segments.filter((one) => one.type === PT_LOAD && one !== added);
    for (const { address, memorySize } of others) {
      expect(address + memorySize).toBeLessThan(added.address);
    }
  });

  it("changes nothing of deno but its entry and the header of its note", async () => {
    const restored = packed.slice(0, deno.length);
    const note = new Elf(deno).segments.findLast(({ type }) => type === PT_NOTE)!;
    restored.set(deno.subarray(24, 32), 24);
    restored.set(deno.subarray(note.at, note.at + 56), note.at);
    expect(await digest(restored)).toEqual(await digest(deno));
  });

  it("ends with the bundle", () => {
    expect(packed.slice(-BUNDLE.length)).toEqual(BUNDLE);
  });

  it.each([
    { what: "a file that is no program", change: (at: DataView) => at.setUint8(1, 0), says: /ELF/ },
    { what: "32 bits", change: (at: DataView) => at.setUint8(4, 1), says: /64-bit/ },
    { what: "a fixed address", change: (at: DataView) => at.setUint16(16, 2, true), says: /posit/ },
    { what: "another machine", change: (at: DataView) => at.setUint16(18, 243, true), says: /x86/ },
    { what: "no note", change: withoutNote, says: /no note segment/ },
    { what: "a note before what is loaded", change: withNoteFirst, says: /before its last/ },
    { what: "no dynamic section", change: withoutDynamic, says: /environ/ },
  ])("refuses $what", ({ change, says }) => {
    // Headers are all that is looked at, so this copy may be small.
    const program = deno.slice(0, 4096);
    change(new DataView(program.buffer));
    expect(() => pack(program, BUNDLE, LAUNCH)).toThrow(says);
  });

  it("refuses what is packed already", () => {
    expect(() => pack(packed, BUNDLE, LAUNCH)).toThrow(/no note segment/);
  });
});

describe("MACHINE_CODE", () => {
  it("is built from the stub's source as it is", async () => {
    expect(await sourceHash()).toBe(SOURCE_HASH);
  });
});

function withoutNote(at: DataView): void {
  for (const segment of notes()) at.setUint32(segment.at, 0, true);
}

function withNoteFirst(at: DataView): void {
  withoutNote(at);
  at.setUint32(new Elf(deno).segments[0]!.at, PT_NOTE, true);
}

function withoutDynamic(at: DataView): void {
  const dynamic = new Elf(deno).segments.find(({ type }) => type === 2)!;
  at.setUint32(dynamic.at, 0, true);
}

function notes(): Segment[] {
  return new Elf(deno).segments.filter(({ type }) => type === PT_NOTE);
}

/** Comparing 90 MB byte by byte would take vitest minutes. */
async function digest(bytes: Uint8Array): Promise<string> {
  const copy = new Uint8Array(bytes);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", copy)).toHex();
}
