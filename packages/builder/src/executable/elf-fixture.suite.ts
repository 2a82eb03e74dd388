/** What a made ELF file says; it has no code. */
export interface ElfParts {
  readonly machine: number;
  readonly bits?: 32 | 64;
  readonly bigEndian?: boolean;
  /** e_type. Default: 2, an executable. */
  readonly type?: number;
  readonly system?: number;
  readonly entry?: number;
  readonly interpreter?: string;
  /** Tags of its dynamic segment. Default: it has none. */
  readonly dynamic?: readonly number[];
}

/** An ELF file with these headers. */
export function elfFile({
  machine,
  bits = 64,
  bigEndian = false,
  type = 2,
  system = 0,
  entry = 0x1000,
  interpreter,
  dynamic,
}: ElfParts): Uint8Array {
  const wide = bits === 64;
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  const short = (at: number, value: number): void => view.setUint16(at, value, !bigEndian);
  const word = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), !bigEndian) : view.setUint32(at, value, !bigEndian);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1, system]);
  short(16, type);
  short(18, machine);
  word(24, entry);
  const headerSize = wide ? 64 : 52;
  const segmentSize = wide ? 56 : 32;
  word(wide ? 32 : 28, headerSize);
  short(wide ? 54 : 42, segmentSize);
  let count = 0;
  const segment = (kind: number, offset: number, size: number): void => {
    const at = headerSize + segmentSize * count++;
    view.setUint32(at, kind, !bigEndian);
    word(at + (wide ? 8 : 4), offset);
    word(at + (wide ? 32 : 16), size);
  };
  segment(1, 0, 512);
  if (interpreter !== undefined) {
    bytes.set(Buffer.from(`${interpreter}\0`), 256);
    segment(3, 256, interpreter.length + 1);
  }
  if (dynamic !== undefined) {
    const step = wide ? 16 : 8;
    for (const [index, tag] of dynamic.entries()) word(384 + index * step, tag);
    segment(2, 384, (dynamic.length + 1) * step);
  }
  short(wide ? 56 : 44, count);
  return bytes;
}
