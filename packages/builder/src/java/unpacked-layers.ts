import { literalSource } from "../list/glob.ts";
import { normalizePattern } from "../list/ignore.ts";
import { Matcher } from "../list/patterns.ts";
import type { LayerSpec } from "../spec.ts";
import type { JavaArchive } from "./open-java-archive.ts";

/** Which files of an archive a layer is of, as `add` says it. */
export interface Part {
  readonly name: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** Layers of what is in an archive; a part that nothing of it belongs to is left out. */
export function unpackedLayers({ files, path }: JavaArchive, dest: string, parts: readonly Part[]): LayerSpec[] {
  return parts
    .filter((part) => files.some(belongsTo(part)))
    .map(({ name, include, exclude }) => ({
      name,
      add: [
        {
          src: [literalSource(path)],
          dest,
          unpack: true,
          ignore: false,
          ...(include === undefined ? {} : { include: [...include] }),
          ...(exclude === undefined ? {} : { exclude: [...exclude] }),
        },
      ],
    }));
}

function belongsTo({ include, exclude = [] }: Part): (file: string) => boolean {
  const taken = include && new Matcher(include.map(normalizePattern));
  const left = new Matcher(exclude.map(normalizePattern));
  return (file) => taken?.matches(file) !== false && !left.matches(file);
}
