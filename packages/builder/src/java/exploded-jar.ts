import { classPathOf, type Dependency, dependencyLayers, distinctNames } from "./class-path.ts";
import type { JavaRequest, JavaImage } from "./java-archive.ts";
import { javaBase } from "./java-base.ts";
import { javaCommand } from "./java-command.ts";
import type { JavaArchive } from "./open-java-archive.ts";
import { unpackedLayers } from "./unpacked-layers.ts";

const exploded = "/app/explodedJar";

/** A jar in layers: the libraries that it names, its resources, its classes. */
export function explodedJar(archive: JavaArchive, request: JavaRequest): JavaImage {
  const { dependencies, warnings } = classPathOf(archive);
  const names = distinctNames(dependencies);
  const place = (dependency: Dependency): string => `/app/dependencies/${names.get(dependency)}`;
  return {
    from: request.asked.from ?? javaBase(archive.release),
    layers: [
      ...dependencyLayers(dependencies, place),
      ...unpackedLayers(archive, exploded, [
        { name: "resources", exclude: ["**/*.class"] },
        { name: "classes", include: ["**/*.class"] },
      ]),
    ],
    // Libraries one by one: what Java makes of dependencies/* has no order, and some programs need theirs.
    entrypoint: javaCommand(archive, request, (mainClass) => [
      "-cp",
      [exploded, ...dependencies.map(place)].join(":"),
      mainClass,
    ]),
    warnings: [
      ...warnings,
      ...forJarsOnly
        .filter((name) => archive.manifest.get(name) !== undefined)
        .map(
          (name) =>
            `${name} in the manifest of "${archive.name}" does nothing when it is exploded: --mode packaged keeps it`,
        ),
    ],
  };
}

/** Attributes that Java heeds in the manifest of a jar, and of nothing else. */
const forJarsOnly = ["Multi-Release", "Add-Opens", "Add-Exports", "Enable-Native-Access", "Launcher-Agent-Class"];
