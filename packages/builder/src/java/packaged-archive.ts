import { posix } from "node:path";
import { literalSource } from "../list/glob.ts";
import { classPathOf, dependencyLayers } from "./class-path.ts";
import type { JavaRequest, JavaImage } from "./java-archive.ts";
import { javaBase } from "./java-base.ts";
import { javaCommand } from "./java-command.ts";
import type { JavaArchive } from "./open-java-archive.ts";

/** An archive as it is, run with `java -jar`, and the libraries that it names where it looks for them. */
export function packagedArchive(archive: JavaArchive, request: JavaRequest): JavaImage {
  const path = `/app/${archive.name}`;
  const { dependencies, warnings } = classPathOf(archive);
  return {
    from: request.asked.from ?? javaBase(archive.release),
    layers: [
      ...dependencyLayers(dependencies, ({ named }) => posix.resolve("/app", named)),
      { name: "jar", add: [{ src: [literalSource(archive.path)], dest: path, ignore: false }] },
    ],
    entrypoint: javaCommand(archive, request, () => ["-jar", path]),
    warnings,
  };
}
