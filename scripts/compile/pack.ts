/**
 * Puts a bundle into the deno program itself: one file that needs nothing beside it but libc.
 *
 * The program's note, which nothing reads, gives up its header to a segment appended to the file:
 * the entry stub (`stub.c`) and the bundle. The same input always gives the same bytes. A deno
 * whose headers lie differently is refused here, aloud, rather than made into a file that does not
 * start.
 */

import { Elf, PT_LOAD, PT_NOTE, type Segment } from "./elf.ts";
import { MACHINE_CODE } from "./machine_code.ts";

/** How the bundle is to be run. */
export interface Launch {
  /** deno's arguments before the bundle. */
  readonly flags: readonly string[];
  /** `NAME=value`, put before whatever is in the environment. */
  readonly variables: readonly string[];
}

/** The program with `bundle` inside. `program` itself is not changed. */
export function pack(program: Uint8Array, bundle: Uint8Array, launch: Launch): Uint8Array {
  const elf = new Elf(program);
  const note = spareHeader(elf);
  const slot = elf.slotOf("environ");
  if (slot === undefined) throw new Error(changed("it does not take `environ` from libc"));

  const address = roundUp(endOfMemory(elf), ALIGNMENT) + ALIGNMENT;
  const offset = roundUp(program.length, ALIGNMENT);
  const code = Uint8Array.fromBase64(MACHINE_CODE[elf.machine]);
  const payloadAt = address + code.length;
  const payload = payloadOf(elf.entry - payloadAt, slot - payloadAt, bundle, launch);

  const packed = new Uint8Array(offset + code.length + payload.length);
  packed.set(program);
  packed.set(code, offset);
  packed.set(payload, offset + code.length);
  const result = new Elf(packed);
  result.load(note, offset, address, code.length + payload.length, ALIGNMENT);
  result.entry = address;
  return packed;
}

/** The note's header, which must stand behind the loaded ones: those are sorted by address. */
function spareHeader(elf: Elf): Segment {
  const note = elf.segments.findLast(({ type }) => type === PT_NOTE);
  const lastLoad = elf.segments.findLast(({ type }) => type === PT_LOAD);
  if (!note) throw new Error(changed("it has no note segment whose header could be used"));
  if (!lastLoad || note.at < lastLoad.at) {
    throw new Error(changed("its note segment stands before its last loaded one"));
  }
  return note;
}

function endOfMemory(elf: Elf): number {
  const loaded = elf.segments.filter(({ type }) => type === PT_LOAD);
  return Math.max(...loaded.map(({ address, memorySize }) => address + memorySize));
}

/** `struct payload` of `stub.c` and what it points at. */
function payloadOf(entry: number, slot: number, bundle: Uint8Array, launch: Launch): Uint8Array {
  const flags = strings(launch.flags);
  const variables = strings(launch.variables);
  const flagsAt = PAYLOAD_FIELDS * BigInt64Array.BYTES_PER_ELEMENT;
  const variablesAt = flagsAt + flags.length;
  const bundleAt = variablesAt + variables.length;
  const fields = [
    ...[entry, slot, bundleAt, bundle.length],
    ...[flagsAt, launch.flags.length, variablesAt, launch.variables.length],
  ];

  const payload = new Uint8Array(bundleAt + bundle.length);
  const view = new DataView(payload.buffer);
  fields.forEach((field, index) => view.setBigInt64(index * 8, BigInt(field), true));
  payload.set(flags, flagsAt);
  payload.set(variables, variablesAt);
  payload.set(bundle, bundleAt);
  return payload;
}

function strings(list: readonly string[]): Uint8Array {
  return new TextEncoder().encode(list.map((text) => `${text}\0`).join(""));
}

function roundUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}

function changed(how: string): string {
  return `lintel cannot be put into this deno (${Deno.version.deno}): ${how}. ` +
    "Take the version that README names, or set DENORT_BIN to use `deno compile`.";
}

/** The largest page of either machine. */
const ALIGNMENT = 0x10000;
const PAYLOAD_FIELDS = 8;
