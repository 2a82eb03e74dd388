import { relative, resolve } from "node:path";
import { statSync } from "node:fs";
import { BuildError } from "../errors.ts";
import type { AddSpec, BuildSpec, LayerSpec } from "../spec.ts";
import type { JibFile, JibLayers, JibProperties } from "./jib-file.ts";
import { leftOut } from "./left-out.ts";
import { literalSource } from "../list/glob.ts";

/**
 * What a build file of the Jib CLI says, as a build description for the same context; Jib's defaults are written out where
 * ours are others. Of files on disk only the names are looked at, and only where patterns choose. Throws BuildError SPEC.
 */
export function specOfJib(file: JibFile, context: string): BuildSpec {
  const { from, creationTime, environment, labels, volumes, exposedPorts, user, workingDirectory } = file;
  const { entrypoint, cmd, layers } = file;
  const spec = {
    from: from === undefined ? "scratch" : basePlace(from.image),
    platforms: platformsOf(from?.platforms ?? []),
    layers: layers?.entries.map((entry) => layerSpec(entry, layers, context)),
    entrypoint,
    cmd,
    env: environment === undefined ? undefined : mapValues(environment, (value) => value.replaceAll("$", "$$$$")),
    labels,
    user,
    workdir: workingDirectory,
    expose: exposedPorts,
    volumes,
    created: creationTime === undefined ? undefined : new Date(creationTime).toISOString(),
  };
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
}

function platformsOf(platforms: readonly { readonly os: string; readonly architecture: string }[]): string[] {
  return platforms.length === 0 ? ["linux/amd64"] : platforms.map(({ os, architecture }) => `${os}/${architecture}`);
}

/** Where Jib takes a base from, as a place. */
function basePlace(image: string): string {
  if (image.startsWith("docker://"))
    throw new BuildError("SPEC", `Cannot use the base "${image}": Docker's daemon is not asked for images`, {
      hint: "Save it with `docker save -o base.tar`, and write tar://base.tar",
    });
  if (image.startsWith("tar://")) return `docker-archive:${image.slice("tar://".length)}`;
  return image.replace(/^registry:\/\//, "");
}

function layerSpec(entry: JibLayers["entries"][number], layers: JibLayers, context: string): LayerSpec {
  if ("archive" in entry)
    return {
      name: entry.name,
      add: [{ src: [literalSource(entry.archive)], dest: "/", unpack: true, ignore: false }],
    };
  const { name, files } = entry;
  return {
    name,
    add: files.flatMap((one): AddSpec[] => {
      const chosen = choose(one, context);
      if (chosen?.all === true) return [];
      const properties = cascade([layers.properties, entry.properties, one.properties]);
      return [
        {
          src: [literalSource(one.src)],
          dest: one.dest,
          ignore: false,
          ...attributes(properties),
          ...(chosen === undefined || chosen.exclude.length === 0 ? {} : { exclude: [...chosen.exclude] }),
        },
      ];
    }),
  };
}

function choose(
  {
    src,
    includes = [],
    excludes = [],
  }: { src: string; includes?: string[] | undefined; excludes?: string[] | undefined },
  context: string,
) {
  const folder = resolve(context, src);
  if (includes.length + excludes.length === 0) return undefined;
  // What is not there is told of by whoever lists the files.
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  // As Jib has it in the folder where it runs.
  const below = relative(context, folder);
  return leftOut(folder, below === "" ? "." : `./${below}`, { includes, excludes });
}

/** The last word on each property. */
function cascade(levels: readonly (JibProperties | undefined)[]): Partial<JibProperties> {
  return Object.assign(
    {},
    ...levels.map((level) =>
      Object.fromEntries(Object.entries(level ?? {}).filter(([, value]) => value !== undefined)),
    ),
  );
}

function attributes({ filePermissions = "644", directoryPermissions, user, group, timestamp }: Partial<JibProperties>) {
  return {
    mode: `0${filePermissions}`,
    ...(directoryPermissions === undefined ? {} : { dirMode: `0${directoryPermissions}` }),
    ...(user === undefined && group === undefined ? {} : { owner: `${user ?? 0}:${group ?? 0}` }),
    ...(timestamp === undefined ? {} : { mtime: Math.floor(timestamp / 1000) }),
  };
}

function mapValues(record: Readonly<Record<string, string>>, change: (value: string) => string) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
