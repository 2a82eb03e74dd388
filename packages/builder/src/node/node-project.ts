import { statSync } from "node:fs";
import { posix } from "node:path";
import { hostPlatform } from "@lading/oci";
import { imageNameOf } from "../image-name.ts";
import type { BuildSpec, LayerSpec } from "../spec.ts";
import { applicationFiles, refuseIgnored } from "./application-files.ts";
import { dependencyProgram } from "./dependency-program.ts";
import { type EntryPoint, entryPointOf } from "./entry-point.ts";
import { findProject, type NodeProject } from "./find-project.ts";
import { findInstalled, type Installed } from "./installed.ts";
import { checkVersions } from "./installed-versions.ts";
import { checkAddons } from "./native-addons.ts";
import { nodeBase } from "./node-base.ts";
import { dependencyLayers, imagePath } from "./node-layers.ts";
import { readManifest } from "./package-manifest.ts";
import type { Lockfile } from "./lockfile.ts";
import { StatMemory } from "./stat-memory.ts";
import { libcOf, systemOf, type TargetSystem } from "./target-system.ts";

export interface NodeProjectOptions {
  /** What was asked for instead of what the project says. */
  readonly asked?: Pick<BuildSpec, "from" | "platforms" | "entrypoint"> | undefined;
  /** Cache folder: remembers what packages say of themselves. Default: each is read. */
  readonly cacheDir?: string | undefined;
}

export interface DescribedProject {
  readonly spec: BuildSpec;
  /** Absolute: the folder with the lockfile, which has a workspace's packages below it. */
  readonly context: string;
  readonly project: NodeProject;
  readonly installed: Installed;
  /** Undefined when the command is somebody else's choice. */
  readonly entry: EntryPoint | undefined;
  /** What may not work in the image. */
  readonly warnings: readonly string[];
}

const nothing: Installed = { packages: [], workspaces: [], links: [] };

/**
 * Describes the image of a Node program by its package.json, its lockfile and what is installed: packages that it
 * needs to run, in layers from least to most changing, on a base that has Node. Of the packages' files their
 * package.json and compiled add-ons are read. Throws BuildError.
 */
export function describeNodeProject(
  folder: string,
  { asked = {}, cacheDir }: NodeProjectOptions = {},
): DescribedProject {
  const project = findProject(folder);
  const { root, manifest, rootManifest, lockfile } = project;
  const from = asked.from ?? baseOf(manifest, rootManifest);
  const platforms = asked.platforms ?? [`linux/${hostPlatform().architecture}`];
  const systems = platforms.map((platform) => systemOf(platform, libcOf(from)));
  const installed =
    lockfile === undefined
      ? nothing
      : findInstalled(root, lockfile, lockfile.importer(project.folder, manifest), systems);
  const entry =
    asked.entrypoint === undefined
      ? entryPointOf(manifest, {
          exists: (file) => statSync(`${folder}/${file}`, { throwIfNoEntry: false })?.isFile() === true,
          program: (name) => dependencyProgram(root, folder, manifest, name),
        })
      : undefined;
  const ownFile = entry?.ofDependency === true ? undefined : entry?.file;
  if (ownFile !== undefined) refuseIgnored(project, ownFile);
  const warnings = lockfile === undefined ? [] : checkInstalled(project, lockfile, installed, { systems, cacheDir });
  if (entry?.doubt !== undefined) warnings.push(entry.doubt);
  const workdir = imagePath(project.folder);
  const name = manifest.name?.split("/").map(imageNameOf).filter(Boolean).join("/");
  const spec: BuildSpec = {
    ...(name === undefined || name === "" ? {} : { name }),
    from,
    platforms: [...platforms],
    layers: layersOf(project, installed, ownFile),
    ...(entry === undefined
      ? {}
      : { entrypoint: ["node", ...entry.flags, posix.join(workdir, entry.file), ...entry.arguments] }),
    workdir,
    env: { NODE_ENV: "production", ...literalValues(entry?.env) },
    user: "1000:1000",
  };
  return { spec, context: root, project, installed, entry, warnings };
}

/** Values that stand for themselves in a description. */
function literalValues(env: EntryPoint["env"] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replaceAll("$", "$$$$")]));
}

/** Whether what is installed is what the lockfile says, and can run where it shall. Returns what to warn of. */
function checkInstalled(
  { root, folder }: NodeProject,
  lockfile: Lockfile,
  { packages }: Installed,
  { systems, cacheDir }: { readonly systems: readonly TargetSystem[]; readonly cacheDir: string | undefined },
): string[] {
  const memory = new StatMemory(cacheDir, `${root}\0${folder}`);
  const native = checkVersions(root, packages, lockfile, memory);
  const warnings = checkAddons(root, native, systems, memory);
  memory.keep();
  return warnings;
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
  ownFile: string | undefined,
): LayerSpec[] {
  const dependencies = dependencyLayers(root, installed);
  const workspace: LayerSpec = {
    name: "workspace",
    add: installed.workspaces.toSorted().map((other) =>
      applicationFiles({
        root,
        folder: other,
        manifest: readManifest(`${root}/${other}/package.json`) ?? manifest,
        others: installed.workspaces,
      }),
    ),
  };
  const entries = ownFile === undefined ? [] : [ownFile];
  const app: LayerSpec = {
    name: "app",
    add: [
      applicationFiles({
        root,
        folder,
        manifest,
        entries,
        others: [...(lockfile?.workspaces ?? []), ...installed.workspaces],
      }),
    ],
  };
  return [dependencies.common, dependencies.platform, workspace, dependencies.links, app].filter(
    ({ add = [] }) => add.length > 0,
  );
}
