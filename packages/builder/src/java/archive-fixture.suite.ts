import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder, type ZipContent, zipOf } from "@lading/testkit";
import { onTestFinished } from "vitest";

/** The beginning of a class file, which is as much as is looked at, for this release of Java. */
export function classFor(release: number): Uint8Array {
  return Uint8Array.from([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, release + 44]);
}

/** A manifest with these attributes. */
export function manifest(...attributes: readonly string[]): ZipContent {
  return {
    path: "META-INF/MANIFEST.MF",
    content: ["Manifest-Version: 1.0", ...attributes, "", ""].join("\r\n"),
  };
}

/** Writes an archive, and empty files beside it, into a folder of their own. Returns the archive's path. */
export async function archive(
  name: string,
  files: readonly ZipContent[],
  beside: readonly string[] = [],
): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  for (const file of [name, ...beside]) await mkdir(dirname(join(folder.path, file)), { recursive: true });
  for (const file of beside) await writeFile(join(folder.path, file), "");
  await writeFile(join(folder.path, name), await zipOf(files));
  return join(folder.path, name);
}
