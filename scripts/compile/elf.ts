/**
 * Just enough of ELF to add a segment to a program: 64-bit, little-endian, position-independent.
 * It reads headers and patches them in place; it moves nothing, and refuses what it does not know.
 *
 * @see elf(5)
 */

/** A machine that we have an entry stub for. */
export type Machine = "x86-64" | "arm64";

/** One program header: where it stands in the file, and what it says. */
export interface Segment {
  readonly at: number;
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

/** The headers of a program, over its bytes. */
export class Elf {
  readonly machine: Machine;
  readonly segments: readonly Segment[];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** @throws {Error} if this is not a 64-bit little-endian PIE for a machine that we know */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#view.getUint32(0) !== MAGIC) throw new Error("this is not an ELF file");
    if (bytes[4] !== CLASS_64 || bytes[5] !== LITTLE_ENDIAN) {
      throw new Error("this ELF file is not 64-bit little-endian");
    }
    if (this.#view.getUint16(16, true) !== ET_DYN) {
      throw new Error("this program is not position-independent");
    }
    const machine = MACHINES.get(this.#view.getUint16(18, true));
    if (!machine) throw new Error("this program is neither for x86-64 nor for arm64");
    this.machine = machine;
    this.segments = Array.from(
      { length: this.#view.getUint16(56, true) },
      (_, index) => this.#segment(this.#number(32) + index * SEGMENT_SIZE),
    );
  }

  /** The address at which the dynamic linker enters the program. */
  get entry(): number {
    return this.#number(24);
  }

  set entry(address: number) {
    this.#view.setBigUint64(24, BigInt(address), true);
  }

  /** Makes a program header one that loads `size` bytes of the file to be read and run. */
  load(segment: Segment, offset: number, address: number, size: number, alignment: number): void {
    const fields = [offset, address, address, size, size, alignment];
    this.#view.setUint32(segment.at, PT_LOAD, true);
    this.#view.setUint32(segment.at + 4, PF_READ | PF_EXECUTE, true);
    fields.forEach((field, index) =>
      this.#view.setBigUint64(segment.at + 8 + index * 8, BigInt(field), true)
    );
  }

  /** Address of the slot into which the dynamic linker puts the address of a libc variable. */
  slotOf(name: string): number | undefined {
    const dynamic = this.#dynamic();
    const [strings, symbols, relocations] = [DT_STRTAB, DT_SYMTAB, DT_RELA].map((tag) =>
      this.#offset(dynamic.get(tag) ?? 0)
    );
    const size = dynamic.get(DT_RELASZ);
    if (!strings || !symbols || !relocations || !size) return undefined;
    for (let at = relocations; at < relocations + size; at += RELOCATION_SIZE) {
      if (this.#view.getUint32(at + 8, true) !== GLOB_DAT[this.machine]) continue;
      const symbol = symbols + this.#view.getUint32(at + 12, true) * SYMBOL_SIZE;
      if (this.#text(strings + this.#view.getUint32(symbol, true)) === name) {
        return this.#number(at);
      }
    }
    return undefined;
  }

  #segment(at: number): Segment {
    return {
      at,
      type: this.#view.getUint32(at, true),
      offset: this.#number(at + 8),
      address: this.#number(at + 16),
      fileSize: this.#number(at + 32),
      memorySize: this.#number(at + 40),
    };
  }

  #dynamic(): Map<number, number> {
    const entries = new Map<number, number>();
    const segment = this.segments.find(({ type }) => type === PT_DYNAMIC);
    for (let at = segment?.offset ?? 0; at > 0 && this.#number(at) !== DT_NULL; at += 16) {
      entries.set(this.#number(at), this.#number(at + 8));
    }
    return entries;
  }

  /** Where in the file a loaded address comes from. */
  #offset(address: number): number | undefined {
    const segment = this.segments.find((one) =>
      one.type === PT_LOAD && address >= one.address && address < one.address + one.fileSize
    );
    return segment && address - segment.address + segment.offset;
  }

  #text(at: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(at, this.#bytes.indexOf(0, at)));
  }

  #number(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }
}

export const PT_LOAD = 1;
export const PT_NOTE = 4;

const MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const ET_DYN = 3;
const MACHINES: ReadonlyMap<number, Machine> = new Map([[62, "x86-64"], [183, "arm64"]]);

const PT_DYNAMIC = 2;
const PF_EXECUTE = 1;
const PF_READ = 4;
const SEGMENT_SIZE = 56;

const DT_NULL = 0;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_RELA = 7;
const DT_RELASZ = 8;
const RELOCATION_SIZE = 24;
const SYMBOL_SIZE = 24;
const GLOB_DAT: Readonly<Record<Machine, number>> = { "x86-64": 6, "arm64": 1025 };
