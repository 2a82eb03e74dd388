import { BuildError } from "../errors.ts";
import type { JavaRequest } from "./java-archive.ts";
import type { JavaArchive } from "./open-java-archive.ts";

/** The command that runs the archive's main class, with `java` and its flags before; undefined when another was asked for. */
export function javaCommand(
  archive: JavaArchive,
  { asked, jvmFlags }: JavaRequest,
  run: (mainClass: string) => readonly string[],
): readonly string[] | undefined {
  return asked.entrypoint === undefined ? ["java", ...jvmFlags, ...run(mainClassOf(archive))] : undefined;
}

function mainClassOf({ name, manifest }: JavaArchive): string {
  const main = manifest.get("Main-Class");
  if (main !== undefined) return main;
  throw new BuildError("SPEC", `Cannot build "${name}": its manifest (META-INF/MANIFEST.MF) has no Main-Class`, {
    hint: "Have your build tool name the main class in the manifest, or say with --entrypoint what starts the program",
  });
}
