import type { JavaRequest, JavaImage } from "./java-archive.ts";
import { javaBase } from "./java-base.ts";
import { javaCommand } from "./java-command.ts";
import { readLayersIndex } from "./layers-index.ts";
import type { JavaArchive } from "./open-java-archive.ts";
import { type Part, unpackedLayers } from "./unpacked-layers.ts";

export function isSpringBoot({ files }: JavaArchive): boolean {
  return files.some((file) => file.startsWith("BOOT-INF/"));
}

/** An executable jar of Spring Boot: the layers that it lists, else libraries, loader, resources and classes. */
export function springBootJar(archive: JavaArchive, request: JavaRequest): JavaImage {
  const { layersIndex, files, name } = archive;
  return {
    from: request.asked.from ?? javaBase(archive.release),
    layers: unpackedLayers(
      archive,
      "/app",
      layersIndex === undefined ? usual : readLayersIndex(layersIndex, files, name),
    ),
    entrypoint: javaCommand(archive, request, (loader) => ["-cp", "/app", loader]),
  };
}

const libraries = "BOOT-INF/lib";
const snapshots = `${libraries}/**/*SNAPSHOT*`;
const loader = "org";
const classes = "BOOT-INF/classes/**/*.class";

const usual: readonly Part[] = [
  { name: "dependencies", include: [libraries], exclude: [snapshots] },
  { name: "spring-boot-loader", include: [loader] },
  { name: "snapshot dependencies", include: [snapshots] },
  { name: "resources", exclude: [libraries, loader, classes] },
  { name: "classes", include: [classes] },
];
