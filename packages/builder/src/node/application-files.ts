import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ignoreFileNames, parseIgnoreFile } from "../list/ignore.ts";
import type { AddSpec } from "../spec.ts";
import type { PackageManifest } from "./lockfile.ts";
import { imagePath, literal } from "./node-layers.ts";

export interface ApplicationFolder {
  /** Absolute. */
  readonly root: string;
  /** Below the root. */
  readonly folder: string;
  readonly manifest: PackageManifest;
  /** Files that belong to it whatever `files` says. */
  readonly entries?: readonly string[];
  /** Folders of other packages of the workspace, below the root. */
  readonly others?: readonly string[];
}

/** What is never part of a program: version control, settings of editors and CI, secrets of developers, results of tests. */
const never: readonly string[] = [
  "node_modules",
  ".git",
  ".github",
  ".gitignore",
  ".gitlab-ci.yml",
  ".dockerignore",
  ".containerignore",
  ".ladingignore",
  "Dockerfile",
  "lading.*",
  ".husky",
  ".vscode",
  ".idea",
  ".yarn",
  ".pnpm-store",
  ".turbo",
  ".env",
  ".env.*",
  ".npmrc",
  ".nyc_output",
  "coverage",
  "*.tar",
  "*.tgz",
  "**/.DS_Store",
  "**/*.log",
  "**/*.tsbuildinfo",
  "**/*.test.*",
  "**/*.spec.*",
  "**/__tests__",
];

/**
 * A package's own files: what `files` of its package.json names, else all of its folder but what never belongs into
 * an image. Ignore files of the package and of the root are heeded.
 */
export function applicationFiles({ root, folder, manifest, entries = [], others = [] }: ApplicationFolder): AddSpec {
  const prefix = folder === "" ? "" : `${folder}/`;
  const inner = others.flatMap((other) =>
    other !== folder && other.startsWith(prefix) ? [literal(other.slice(prefix.length))] : [],
  );
  // That of the root is read with the context.
  const ignored = folder === "" ? [] : ignoredBy(join(root, folder));
  const common = { src: [folder === "" ? "." : literal(folder)], dest: imagePath(folder) };
  if (manifest.files === undefined) return { ...common, exclude: [...never, ...inner, ...ignored] };
  return {
    ...common,
    include: [...new Set(["package.json", ...manifest.files.map(anchored), ...entries.map(literal)])],
    exclude: ["node_modules", "**/.git", ...inner, ...ignored],
  };
}

function ignoredBy(folder: string): string[] {
  for (const name of ignoreFileNames) {
    try {
      return parseIgnoreFile(readFileSync(join(folder, name), "utf8"));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") continue;
      throw error;
    }
  }
  return [];
}

/** A pattern of `files`, relative to the package. */
function anchored(pattern: string): string {
  const exception = pattern.startsWith("!");
  const path = (exception ? pattern.slice(1) : pattern).replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
  return `${exception ? "!" : ""}${path === "" || path === "." ? "**" : path}`;
}
