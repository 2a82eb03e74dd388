import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { type ElfParts, elfFile } from "./elf-fixture.suite.ts";
import { type Elf, readElf } from "./elf.ts";

async function read(parts: ElfParts, change = (bytes: Uint8Array): Uint8Array => bytes): Promise<Elf> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "program");
  await writeFile(path, change(elfFile(parts)));
  return await readElf(path);
}

test.each<[string, ElfParts]>([
  ["386", { machine: 3, bits: 32 }],
  ["amd64", { machine: 62 }],
  ["arm", { machine: 40, bits: 32 }],
  ["arm64", { machine: 183 }],
  ["loong64", { machine: 258 }],
  ["mips64le", { machine: 8 }],
  ["mips", { machine: 8, bits: 32, bigEndian: true }],
  ["ppc64", { machine: 21, bigEndian: true }],
  ["ppc64le", { machine: 21 }],
  ["riscv64", { machine: 243 }],
  ["s390x", { machine: 22, bigEndian: true }],
])("%s is told by machine, word size and byte order", async (architecture, parts) => {
  expect(await read({ ...parts, interpreter: "/lib/ld.so.1" })).toEqual({
    kind: "program",
    architecture,
    foreignSystem: undefined,
    interpreter: "/lib/ld.so.1",
  });
});

test("a machine of half the word size is another one, and so is one that nobody knows", async () => {
  // x32, riscv32 and s390.
  for (const machine of [62, 243, 22])
    expect(await read({ machine, bits: 32 })).toMatchObject({ architecture: undefined });
  expect(await read({ machine: 4711 })).toMatchObject({ architecture: undefined });
});

test("what has no interpreter is a static program, position-independent or not, unless it needs libraries", async () => {
  expect(await read({ machine: 62 })).toMatchObject({ kind: "program", interpreter: undefined });
  expect(await read({ machine: 62, type: 3, dynamic: [7, 8, 30] })).toMatchObject({ kind: "program" });
  expect(await read({ machine: 62, type: 3, dynamic: [14, 1] })).toMatchObject({ kind: "shared library" });
  expect(await read({ machine: 62, type: 3, dynamic: [14], entry: 0 })).toMatchObject({ kind: "shared library" });
});

test("object files, core dumps and programs of other systems are no programs for Linux", async () => {
  expect(await read({ machine: 62, type: 1 })).toMatchObject({ kind: "object file" });
  expect(await read({ machine: 62, type: 4 })).toMatchObject({ kind: "core dump" });
  expect(await read({ machine: 62, system: 9 })).toMatchObject({ foreignSystem: "FreeBSD" });
  expect(await read({ machine: 62, system: 3 })).toMatchObject({ foreignSystem: undefined });
});

test("a file that ends early is cut off, wherever it ends", async () => {
  for (const length of [4, 63, 64, 150, 511])
    await expect(
      read({ machine: 62, interpreter: "/lib/ld.so" }, (bytes) => bytes.subarray(0, length)),
    ).rejects.toThrow("it is cut off");
});

test("headers that lie about places are refused", async () => {
  await expect(read({ machine: 62 }, segmentsNowhere)).rejects.toThrow("it is cut off");
  await expect(read({ machine: 62 }, smallSegments)).rejects.toThrow("its program headers are too small");
});

function segmentsNowhere(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setBigUint64(32, 2n ** 64n - 1n, true);
  return bytes;
}

function smallSegments(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint16(54, 8, true);
  return bytes;
}
