import type { AddSpec, LayerSpec } from "../spec.ts";
import type { DescribedProject } from "./node-project.ts";
import { imagePath, linkAdds, literal } from "./node-layers.ts";

/**
 * The layers of a project with only those files of its packages that the program can reach; `files` are paths below
 * the context, without links. Packages that are for one platform, and the program itself, stay whole.
 */
export function tracedLayers({ spec, installed }: DescribedProject, files: ReadonlySet<string>): LayerSpec[] {
  const common = installed.packages.filter(({ systems }) => systems === undefined).map(({ folder }) => folder);
  const packages = reachable(common, files);
  const workspaces = reachable(installed.workspaces, files);
  return (spec.layers ?? []).flatMap((layer) => {
    const add =
      layer.name === "dependencies"
        ? packages
        : layer.name === "workspace"
          ? workspaces
          : layer.name === "links"
            ? linkAdds(installed.links)
            : layer.add;
    return add === undefined || add.length === 0 ? [] : [{ ...layer, add }];
  });
}

/** An add for each folder with the files in it, which belong to the innermost. */
function reachable(folders: readonly string[], files: ReadonlySet<string>): AddSpec[] {
  const known = new Map<string, string[]>(folders.map((folder) => [folder, []]));
  for (const file of files)
    for (let end = file.lastIndexOf("/"); end > 0; end = file.lastIndexOf("/", end - 1)) {
      const inside = known.get(file.slice(0, end));
      if (inside === undefined) continue;
      inside.push(literal(file.slice(end + 1)));
      break;
    }
  return [...known]
    .filter(([, inside]) => inside.length > 0)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, inside]) => ({
      src: [literal(folder)],
      dest: imagePath(folder),
      include: inside.toSorted(),
      ignore: false,
    }));
}
