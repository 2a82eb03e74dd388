/** Where a program is in memory. */
const loadAddress = 0x40_0000;

const headerSize = 64;
const segmentSize = 56;
const segments = 2;

/** Where its code begins. */
export const entryAddress = loadAddress + headerSize + segments * segmentSize;

/**
 * A program for Linux as a file (elf(5), 64 bits, little endian): headers, then `content`, whose first
 * byte is its first instruction. All of it is mapped for reading and execution, and its stack cannot
 * be executed. `machine`: the number of the architecture (e_machine).
 */
export function staticElf(machine: number, content: Uint8Array): Uint8Array {
  const size = entryAddress - loadAddress + content.byteLength;
  const file = Buffer.alloc(size);
  // Magic, 64 bits, little endian, version 1, System V.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  file.writeUInt16LE(2, 16); // e_type: an executable
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20); // e_version
  file.writeBigUInt64LE(BigInt(entryAddress), 24);
  file.writeBigUInt64LE(BigInt(headerSize), 32); // e_phoff
  file.writeUInt16LE(headerSize, 52);
  file.writeUInt16LE(segmentSize, 54);
  file.writeUInt16LE(segments, 56);
  file.writeUInt16LE(64, 58); // e_shentsize, of no sections

  const [load, stack] = [headerSize, headerSize + segmentSize];
  file.writeUInt32LE(1, load); // PT_LOAD
  file.writeUInt32LE(readable | executable, load + 4);
  file.writeBigUInt64LE(BigInt(loadAddress), load + 16); // p_vaddr
  file.writeBigUInt64LE(BigInt(loadAddress), load + 24); // p_paddr
  file.writeBigUInt64LE(BigInt(size), load + 32); // p_filesz
  file.writeBigUInt64LE(BigInt(size), load + 40); // p_memsz
  file.writeBigUInt64LE(largestPage, load + 48); // p_align

  file.writeUInt32LE(0x6474_e551, stack); // PT_GNU_STACK
  file.writeUInt32LE(readable | writable, stack + 4);
  file.writeBigUInt64LE(16n, stack + 48);

  file.set(content, entryAddress - loadAddress);
  return file;
}

const executable = 1;
const writable = 2;
const readable = 4;

// Kernels for arm64 may have pages of 64 KiB.
const largestPage = 0x1_0000n;
