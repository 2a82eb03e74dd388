import { lstatSync, realpathSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import { ArchiveFile, isZip } from "../list/archive-file.ts";
import type { ZipMember } from "../list/zip.ts";
import { BuildError } from "../errors.ts";
import { Manifest } from "./manifest.ts";

/** A jar or a war, as far as it must be known to lay out its image. */
export interface JavaArchive {
  /** Of the file. */
  readonly name: string;
  /** Absolute path of the folder that it is in. */
  readonly folder: string;
  /** Absolute path of the folder that sources are relative to. */
  readonly context: string;
  /** Relative to the context. */
  readonly path: string;
  /** Paths of the files in it. */
  readonly files: readonly string[];
  readonly manifest: Manifest;
  /** Spring Boot's list of layers, when it has one. */
  readonly layersIndex: string | undefined;
  /** The Java release that its main class is compiled for; undefined when it has no class. */
  readonly release: number | undefined;
}

/** Throws BuildError SOURCE_UNREADABLE for what is no archive, or damaged. */
export async function openJavaArchive(path: string, context: string): Promise<JavaArchive> {
  const name = basename(path);
  // The folder that it is said to be in, and not the one that a symlink leads to, has the libraries beside it.
  const folder = dirname(path);
  const real = realpathSync(path);
  const stat = lstatSync(real);
  const file = new ArchiveFile(real, name, stat);
  try {
    if (!isZip(file.read(0, Math.min(stat.size, 4)))) throw new Error(noZip(file.read(0, Math.min(stat.size, 2))));
    const { readZip, unzipped } = await import("../list/zip.ts");
    const members = new Map<string, ZipMember>();
    for (const member of await readZip(file, stat.size))
      if (member.header.type === "file") members.set(member.header.path, member);
    /** The first `limit` bytes of a file, or all. */
    const read = async (path: string, limit: number): Promise<Buffer | undefined> => {
      const member = members.get(path);
      if (member === undefined) return undefined;
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of unzipped(file, member)) {
        chunks.push(chunk);
        size += chunk.byteLength;
        if (size >= limit) break;
      }
      return Buffer.concat(chunks).subarray(0, limit);
    };
    const manifest = new Manifest((await read(manifestPath, largestText)) ?? new Uint8Array());
    const index = await read(manifest.get("Spring-Boot-Layers-Index") ?? "BOOT-INF/layers.idx", largestText);
    const files = [...members.keys()];
    const main = mainClassFile(manifest, files);
    return {
      name,
      folder,
      context,
      path: relative(context, path),
      files,
      manifest,
      layersIndex: index?.toString("utf8"),
      release: main === undefined ? undefined : releaseOf(main, await read(main, 8)),
    };
  } catch (cause) {
    if (cause instanceof BuildError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError("SOURCE_UNREADABLE", `Cannot read "${name}": ${why}`, {
      cause,
      hint: "Build the archive again; what is in it can be seen with `unzip -t`",
    });
  } finally {
    file.close();
  }
}

const manifestPath = "META-INF/MANIFEST.MF";
const largestText = 4 << 20;

function noZip(head: Uint8Array): string {
  return Buffer.from(head).toString("latin1") === "#!"
    ? "it begins with a script, as Spring Boot's executable jars do, and not as a zip"
    : "it is no zip";
}

/** The class that tells what Java the program needs: Spring Boot's loader is compiled for an older one than it. */
function mainClassFile(manifest: Manifest, files: readonly string[]): string | undefined {
  const own = files.filter((file) => file.endsWith(".class") && !/(?:^|\/)(?:module|package)-info\.class$/.test(file));
  const start = (manifest.get("Start-Class") ?? manifest.get("Main-Class"))?.replaceAll(".", "/");
  const folders = ["BOOT-INF/classes/", "WEB-INF/classes/", ""];
  return (
    own.find((file) => folders.some((folder) => file === `${folder}${start}.class`)) ??
    own.find((file) => /^(?:BOOT|WEB)-INF\//.test(file)) ??
    own.find((file) => !file.startsWith("META-INF/"))
  );
}

/** By the version in its header (JVMS §4.1): 45 was Java 1.1, 52 is Java 8. */
function releaseOf(path: string, head: Buffer | undefined): number {
  if (head === undefined || head.length < 8 || head.readUInt32BE(0) !== 0xcafebabe)
    throw new Error(`"${path}" in it is no class file`);
  return head.readUInt16BE(6) - 44;
}
