import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { type BuildSpec, describeStaticSite } from "@lading/builder";
import type { Description } from "../front-ends/front-end.ts";
import { UsageError } from "../usage.ts";

/** A first description of a folder of no known kind of project: of a site that lies in it, or of all of its files. */
export async function describeFolder(folder: string, from?: string, appRoot?: string): Promise<Description> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new UsageError(`Cannot read folder "${folder}"`, { cause });
  });
  const folders = new Set(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name));
  const site = siteFolders.find((name) => folders.has(name));
  const context = resolve(folder);
  if (site === undefined) return { kind: "a folder of files", spec: layerOf("files", ".", "/"), context };
  const kind = `the site in ${site}`;
  if (from !== undefined)
    return { kind, spec: describeStaticSite({ shown: site, from, folder: site, appRoot }), context };
  const advice =
    "Add a web server as another layer, or start from a base that has one: `lading init --from nginx:alpine`.";
  return { kind, spec: layerOf("site", site, appRoot ?? "/srv/www"), context, advice };
}

function layerOf(name: string, src: string, dest: string): BuildSpec {
  return { from: "scratch", layers: [{ name, add: [{ src: [src], dest }] }] };
}

const siteFolders: readonly string[] = ["public", "dist", "www", "_site", "build", "site"];
