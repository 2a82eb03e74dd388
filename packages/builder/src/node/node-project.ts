import { statSync } from "node:fs";
import { hostPlatform } from "@lading/oci";
import type { BuildSpec, LayerSpec } from "../spec.ts";
import { applicationFiles } from "./application-files.ts";
import { type EntryPoint, entryPointOf } from "./entry-point.ts";
import { findProject, type NodeProject } from "./find-project.ts";
import { findInstalled, type Installed } from "./installed.ts";
import { refuseForeignAddons } from "./native-addons.ts";
import { nodeBase } from "./node-base.ts";
import { dependencyLayers, imagePath } from "./node-layers.ts";
import { readManifest } from "./package-manifest.ts";
import { libcOf, systemOf } from "./target-system.ts";

export interface NodeProjectOptions {
  /** What was asked for instead of what the project says. */
  readonly asked?: Pick<BuildSpec, "from" | "platforms" | "entrypoint"> | undefined;
}

export interface DescribedProject {
  readonly spec: BuildSpec;
  /** Absolute: the folder with the lockfile, which has a workspace's packages below it. */
  readonly context: string;
  readonly project: NodeProject;
  readonly installed: Installed;
  /** Undefined when the command is somebody else's choice. */
  readonly entry: EntryPoint | undefined;
}

const nothing: Installed = { packages: [], workspaces: [], links: [] };

/**
 * Describes the image of a Node program by its package.json, its lockfile and what is installed: packages that it
 * needs to run, in layers from least to most changing, on a base that has Node. Contents of files are not
 * looked at, save the first bytes of compiled add-ons. Throws BuildError.
 */
export function describeNodeProject(folder: string, { asked = {} }: NodeProjectOptions = {}): DescribedProject {
  const project = findProject(folder);
  const { root, manifest, rootManifest, lockfile } = project;
  const from = asked.from ?? baseOf(manifest, rootManifest);
  const platforms = asked.platforms ?? [`linux/${hostPlatform().architecture}`];
  const systems = platforms.map((platform) => systemOf(platform, libcOf(from)));
  const entry =
    asked.entrypoint === undefined
      ? entryPointOf(manifest, (file) => statSync(`${folder}/${file}`, { throwIfNoEntry: false })?.isFile() === true)
      : undefined;
  const installed =
    lockfile === undefined
      ? nothing
      : findInstalled(root, lockfile, lockfile.importer(project.folder, manifest), systems);
  refuseForeignAddons(root, installed.packages, systems);
  const workdir = imagePath(project.folder);
  const name = manifest.name?.replace(/^@/, "").toLowerCase();
  const spec: BuildSpec = {
    ...(name === undefined || name === "" ? {} : { name }),
    from,
    platforms: [...platforms],
    layers: layersOf(project, installed, entry),
    ...(entry === undefined
      ? {}
      : { entrypoint: ["node", ...entry.flags, `${workdir}/${entry.file}`, ...entry.arguments] }),
    workdir,
    env: { NODE_ENV: "production" },
    user: "1000:1000",
  };
  return { spec, context: root, project, installed, entry };
}

function baseOf(...manifests: readonly NodeProject["manifest"][]): string {
  for (const { lading } of manifests) {
    const { base } = lading;
    if (typeof base === "string") return base;
  }
  return nodeBase(manifests[0]?.engines["node"]);
}

function layersOf(
  { root, folder, manifest, lockfile }: NodeProject,
  installed: Installed,
  entry: EntryPoint | undefined,
): LayerSpec[] {
  const dependencies = dependencyLayers(root, installed);
  const workspace: LayerSpec = {
    name: "workspace",
    add: installed.workspaces.toSorted().map((other) =>
      applicationFiles({
        root,
        folder: other,
        manifest: readManifest(`${root}/${other}/package.json`) ?? manifest,
      }),
    ),
  };
  const entries = entry === undefined ? [] : [entry.file];
  const app: LayerSpec = {
    name: "app",
    add: [applicationFiles({ root, folder, manifest, entries, others: lockfile?.workspaces ?? [] })],
  };
  return [dependencies.common, dependencies.platform, workspace, dependencies.links, app].filter(
    ({ add = [] }) => add.length > 0,
  );
}
