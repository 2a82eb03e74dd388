/** A call to try: its number, what is passed to it, and whether as 32-bit programs do (int 0x80). */
export interface ProbedCall {
  readonly number: number;
  readonly args?: readonly (number | bigint)[];
  readonly compatible?: boolean;
}

const base = 0x40_0000n; // where the program is loaded
const headers = 64 + 56; // ELF's own, and one segment

/**
 * A static program for x86-64 that makes each call and writes what the kernel answers, 8 bytes
 * each: made by hand, since a C compiler is more than a test of filters should need.
 */
export function probeProgram(calls: readonly ProbedCall[]): Uint8Array {
  const table = base + BigInt(headers + code(0n, 0).length);
  const text = code(table, calls.length);
  const data = Buffer.alloc(calls.length * 64);
  for (const [at, { number, args = [], compatible = false }] of calls.entries()) {
    const words = [compatible ? 1 : 0, number, ...args];
    for (const [word, value] of words.entries())
      data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at * 64 + word * 8);
  }
  const size = headers + text.length + data.length;
  const elf = Buffer.alloc(64);
  Buffer.from("\x7fELF\x02\x01\x01", "latin1").copy(elf);
  elf.writeUInt16LE(2, 16); // an executable
  elf.writeUInt16LE(62, 18); // of x86-64
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(base + BigInt(headers), 24);
  elf.writeBigUInt64LE(64n, 32);
  for (const [offset, value] of [
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const)
    elf.writeUInt16LE(value, offset);
  const segment = Buffer.alloc(56);
  segment.writeUInt32LE(1, 0); // to load
  segment.writeUInt32LE(7, 4); // to read, write and execute
  segment.writeBigUInt64LE(base, 16);
  segment.writeBigUInt64LE(base, 24);
  segment.writeBigUInt64LE(BigInt(size), 32);
  segment.writeBigUInt64LE(BigInt(size), 40);
  segment.writeBigUInt64LE(0x1000n, 48);
  return Buffer.concat([elf, segment, text, data]);
}

/** What the calls of a program answered, errors as names do not have them: -1 is EPERM. */
export function probeAnswers(output: Uint8Array): readonly number[] {
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  return Array.from({ length: output.byteLength / 8 }, (_, at) => Number(view.getBigInt64(at * 8, true)));
}

/** Goes through the table in r13: 64 bytes an entry, the kind of call, its number, six arguments. */
function code(table: bigint, count: number): Buffer {
  const number = Buffer.alloc(12);
  number.writeBigUInt64LE(table, 0);
  number.writeUInt32LE(count, 8);
  const native = hex("498b7d10 498b7518 498b5520 4d8b5528 4d8b4530 4d8b4d38 0f05");
  const compatible = hex("498b5d10 498b4d18 498b5520 498b7528 498b7d30 cd80 4898");
  const body = Buffer.concat([
    hex("498b4508 49837d0000 75"),
    Buffer.of(native.length + 2),
    native,
    hex("eb"),
    Buffer.of(compatible.length),
    compatible,
    hex("49894500 b801000000 bf01000000 4c89ee ba08000000 0f05 4983c540 41ffcc"),
  ]);
  const again = Buffer.alloc(6);
  hex("0f85").copy(again);
  again.writeInt32LE(-(body.length + 6), 2);
  return Buffer.concat([
    hex("49bd"),
    number.subarray(0, 8),
    hex("41bc"),
    number.subarray(8),
    body,
    again,
    hex("b83c000000 31ff 0f05"),
  ]);
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/ /g, ""), "hex");
}
