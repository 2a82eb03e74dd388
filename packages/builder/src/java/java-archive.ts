import { dirname } from "node:path";
import { splitCommand } from "../config/command-line.ts";
import { imageNameOf } from "../image-name.ts";
import type { BuildSpec, LayerSpec } from "../spec.ts";
import { explodedJar } from "./exploded-jar.ts";
import { type JavaArchive, openJavaArchive } from "./open-java-archive.ts";
import { packagedArchive } from "./packaged-archive.ts";
import { isSpringBoot, springBootJar } from "./spring-boot-jar.ts";
import { war } from "./war.ts";

export interface JavaArchiveOptions {
  /** Absolute path of the folder that sources are relative to. Default: the one that the archive is in. */
  readonly context?: string | undefined;
  /** What was asked for instead of what the archive says. */
  readonly asked?: Pick<BuildSpec, "from" | "entrypoint"> | undefined;
  /** Whether what is in the archive becomes layers, or the archive as it is. Default: "exploded". */
  readonly mode?: "exploded" | "packaged" | undefined;
  /** What stands between `java` and what it runs: a list, or a string split as a shell would. Default: nothing. */
  readonly jvmFlags?: string | readonly string[] | undefined;
  /** Folder in the image that a war is put into. Default, on Jetty only: that of its root application. */
  readonly appRoot?: string | undefined;
}

/** What the options come to for an archive. */
export interface JavaRequest {
  readonly asked: Pick<BuildSpec, "from" | "entrypoint">;
  readonly jvmFlags: readonly string[];
  readonly appRoot: string | undefined;
}

/** What an archive's image is made of. */
export interface JavaImage {
  readonly from: string;
  /** Without what all of them say. */
  readonly layers: readonly LayerSpec[];
  /** Undefined for the base's, or for what was asked for. */
  readonly entrypoint: readonly string[] | undefined;
  /** What people should know of it. Default: nothing. */
  readonly warnings?: readonly string[];
}

export interface DescribedArchive {
  readonly spec: BuildSpec;
  readonly context: string;
  readonly warnings: readonly string[];
}

/**
 * Describes the image of a Java program by its archive, as `jib jar` and `jib war` do: layers from least to most changing, on
 * a base with the Java that its classes need. Of the archive are read its directory, its manifest and how its main
 * class begins. Throws BuildError.
 */
export async function describeJavaArchive(path: string, options: JavaArchiveOptions = {}): Promise<DescribedArchive> {
  const { context = dirname(path), asked = {}, mode, jvmFlags = [], appRoot } = options;
  const archive = await openJavaArchive(path, context);
  const request = { asked, jvmFlags: typeof jvmFlags === "string" ? splitCommand(jvmFlags) : jvmFlags, appRoot };
  const { from, layers, entrypoint, warnings = [] } = imageOf(archive, mode, request);
  const name = imageNameOf(archive.name.replace(/\.[^.]*$/, ""));
  const spec: BuildSpec = {
    ...(name === "" ? {} : { name }),
    from,
    // Whoever made the archive had a umask and a clock, and they shall not be seen in the image.
    layers: layers.map(({ name, add }) => ({ name, mode: "0644", dirMode: "0755", mtime: "epoch", add })),
    ...(entrypoint === undefined ? {} : { entrypoint: [...entrypoint] }),
  };
  const unused = asked.entrypoint !== undefined && request.jvmFlags.length > 0;
  return {
    spec,
    context,
    warnings: unused ? [...warnings, "Flags for java are not used: the entrypoint is another"] : warnings,
  };
}

function imageOf(archive: JavaArchive, mode: JavaArchiveOptions["mode"], request: JavaRequest): JavaImage {
  if (mode === "packaged") return packagedArchive(archive, request);
  if (/\.war$/i.test(archive.name)) return war(archive, request);
  return isSpringBoot(archive) ? springBootJar(archive, request) : explodedJar(archive, request);
}
