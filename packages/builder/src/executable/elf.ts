import { type FileHandle, open } from "node:fs/promises";

/** What an ELF file says of itself (elf(5)). */
export interface Elf {
  readonly kind: "program" | "shared library" | "object file" | "core dump";
  /** As images call it; undefined for one that they have no word for. */
  readonly architecture: string | undefined;
  /** The system that it was built for, when that is not Linux. */
  readonly foreignSystem: string | undefined;
  /** Path of the dynamic loader that it cannot start without; undefined for a static program. */
  readonly interpreter: string | undefined;
}

/** Reads the headers of an ELF file. Throws Error in a few words for one that is damaged. */
export async function readElf(path: string): Promise<Elf> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const reader = await ElfReader.open(file, size);
    const { machine, type, system } = reader.header;
    const segments = await reader.segments();
    const interpreter = segments.find((one) => one.type === interp);
    const dynamic = segments.find((one) => one.type === dynamicLinking);
    const tags = dynamic === undefined ? new Set<number>() : await reader.dynamicTags(dynamic);
    // A static program that is position-independent has a dynamic segment too, for its own relocations.
    const isLibrary =
      type === dynamicType && interpreter === undefined && (tags.has(needed) || reader.header.entry === 0);
    return {
      kind: kinds.get(type) ?? (isLibrary ? "shared library" : "program"),
      architecture: reader.architecture(machine),
      foreignSystem: systems.get(system),
      interpreter: interpreter && (await reader.text(interpreter)),
    };
  } finally {
    await file.close();
  }
}

const dynamicType = 3;
const kinds: ReadonlyMap<number, Elf["kind"]> = new Map([
  [1, "object file"],
  [4, "core dump"],
]);
const load = 1;
const dynamicLinking = 2;
const interp = 3;
const needed = 1;

// EI_OSABI. Programs for Linux say 0 (System V) or 3 (GNU).
const systems: ReadonlyMap<number, string> = new Map([
  [2, "NetBSD"],
  [6, "Solaris"],
  [9, "FreeBSD"],
  [12, "OpenBSD"],
]);

/** e_machine. */
const machines: ReadonlyMap<number, string> = new Map([
  [3, "386"],
  [22, "s390x"],
  [40, "arm"],
  [62, "amd64"],
  [183, "arm64"],
  [243, "riscv64"],
  [258, "loong64"],
]);

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

interface Header {
  readonly type: number;
  readonly machine: number;
  readonly system: number;
  readonly entry: number;
  readonly table: { readonly offset: number; readonly entrySize: number; readonly count: number };
}

/** More than any linker writes. */
const largestSegment = 1024 * 1024;

class ElfReader {
  readonly header: Header;
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #wide: boolean;
  readonly #little: boolean;

  private constructor(file: FileHandle, size: number, start: DataView) {
    this.#file = file;
    this.#size = size;
    this.#wide = start.getUint8(4) === 2;
    this.#little = start.getUint8(5) === 1;
    const short = (at: number): number => start.getUint16(at, this.#little);
    this.header = {
      system: start.getUint8(7),
      type: short(16),
      machine: short(18),
      entry: this.#word(start, 24),
      table: {
        offset: this.#word(start, this.#wide ? 32 : 28),
        entrySize: short(this.#wide ? 54 : 42),
        count: short(this.#wide ? 56 : 44),
      },
    };
  }

  static async open(file: FileHandle, size: number): Promise<ElfReader> {
    // The header of 64 bits is the longer one; one of 32 bits is followed by its segments.
    return new ElfReader(file, size, await readAt(file, 0, 64, size));
  }

  architecture(machine: number): string | undefined {
    if (machine === 21) return this.#little ? "ppc64le" : "ppc64";
    if (machine === 8) return `mips${this.#wide ? "64" : ""}${this.#little ? "le" : ""}`;
    // What has two word sizes has another name for the smaller one.
    const is64 = !["386", "arm"].includes(machines.get(machine) ?? "");
    return is64 === this.#wide ? machines.get(machine) : undefined;
  }

  async segments(): Promise<readonly Segment[]> {
    const { offset, entrySize, count } = this.header.table;
    if (count === 0) return [];
    if (entrySize < (this.#wide ? 56 : 32)) throw new Error("its program headers are too small");
    const table = await this.#read(offset, entrySize * count);
    return Array.from({ length: count }, (_, index) => {
      const at = index * entrySize;
      const segment = {
        type: table.getUint32(at, this.#little),
        offset: this.#word(table, at + (this.#wide ? 8 : 4)),
        size: this.#word(table, at + (this.#wide ? 32 : 16)),
      };
      if (segment.type === load && segment.offset + segment.size > this.#size) throw cutOff();
      return segment;
    });
  }

  /** The kinds of entries of the dynamic segment. */
  async dynamicTags({ offset, size }: Segment): Promise<ReadonlySet<number>> {
    const entries = await this.#read(offset, Math.min(size, largestSegment));
    const step = this.#wide ? 16 : 8;
    const tags = new Set<number>();
    for (let at = 0; at + step <= entries.byteLength; at += step) {
      const tag = this.#word(entries, at);
      if (tag === 0) break;
      tags.add(tag);
    }
    return tags;
  }

  async text({ offset, size }: Segment): Promise<string> {
    const bytes = await this.#read(offset, Math.min(size, 4096));
    return new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
  }

  async #read(offset: number, length: number): Promise<DataView> {
    return await readAt(this.#file, offset, length, this.#size);
  }

  /** Offsets beyond 2⁵³ lie outside of any file, and need no precision. */
  #word(view: DataView, at: number): number {
    return this.#wide ? Number(view.getBigUint64(at, this.#little)) : view.getUint32(at, this.#little);
  }
}

async function readAt(file: FileHandle, offset: number, length: number, size: number): Promise<DataView> {
  if (offset + length > size) throw cutOff();
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  if (bytesRead < length) throw cutOff();
  return new DataView(bytes.buffer);
}

function cutOff(): Error {
  return new Error("it is cut off");
}
