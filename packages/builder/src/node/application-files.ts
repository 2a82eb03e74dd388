import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../errors.ts";
import { ignoreFileNames, parseIgnoreFile, readIgnoreFile } from "../list/ignore.ts";
import { Matcher } from "../list/patterns.ts";
import type { AddSpec } from "../spec.ts";
import type { PackageManifest } from "./lockfile.ts";
import { imagePath, literal } from "./node-layers.ts";
import { parseNpmignore } from "./npmignore.ts";

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
  ".next/cache",
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
 * A package's own files: what `files` of its package.json names and what npm adds to that, else all of its folder but
 * what never belongs into an image and what its .npmignore names. Ignore files of the package and of the root are heeded.
 */
export function applicationFiles({ root, folder, manifest, entries = [], others = [] }: ApplicationFolder): AddSpec {
  const prefix = folder === "" ? "" : `${folder}/`;
  const inner = others.flatMap((other) =>
    other !== folder && other.startsWith(prefix) ? [literal(other.slice(prefix.length))] : [],
  );
  // That of the root is read with the context.
  const ignored =
    folder === "" ? [] : (ignoredBy(join(root, folder), ignoreFileNames, parseIgnoreFile)?.patterns ?? []);
  const common = { src: [folder === "" ? "." : literal(folder)], dest: imagePath(folder) };
  if (manifest.files === undefined) {
    const unpublished = ignoredBy(join(root, folder), [".npmignore"], parseNpmignore)?.patterns ?? [];
    // As for npm, which packs these whatever its ignore file says.
    const packed = ["package.json", ...programs(manifest)].map((path) => `!${literal(path)}`);
    const meant = entries.map((entry) => `!${literal(entry)}`);
    return { ...common, exclude: [...unpublished, ...packed, ...never, ...meant, ...inner, ...ignored] };
  }
  return {
    ...common,
    include: [
      ...new Set([
        "package.json",
        ...manifest.files.map(anchored),
        ...[...programs(manifest), ...entries].map(literal),
      ]),
    ],
    exclude: ["node_modules", "**/.git", ...inner, ...ignored],
  };
}

/** What npm packs whatever `files` says: the package's own main and programs. */
function programs({ main, bin = {} }: PackageManifest): string[] {
  const named = [
    ...(main === undefined ? [] : [main, `${main}.js`]),
    ...(typeof bin === "string" ? [bin] : Object.values(bin)),
  ];
  return named.map((path) => path.replace(/^(?:\.?\/)+/, "")).filter((path) => path !== "" && path !== ".");
}

/** Throws BuildError SPEC when an ignore file leaves out what the image is to start. */
export function refuseIgnored({ root, folder }: Pick<ApplicationFolder, "root" | "folder">, entry: string): void {
  const own = folder === "" ? undefined : ignoredBy(join(root, folder), ignoreFileNames, parseIgnoreFile);
  const path = folder === "" ? entry : `${folder}/${entry}`;
  const [pattern, file] = [
    [own && new Matcher(own.patterns).deciding(entry), own && `${folder}/${own.name}`],
    [readIgnoreFile(root)?.deciding(path), readIgnoreFile(root)?.source],
  ].find(([found]) => found !== undefined) ?? [undefined, undefined];
  if (pattern === undefined) return;
  throw new BuildError("SPEC", `Cannot start the image: ${path} is left out by "${pattern}" in ${file}`, {
    hint: "Remove that line, or say what is to be left out in a .ladingignore, which is read instead",
  });
}

function ignoredBy(
  folder: string,
  names: readonly string[],
  parse: (text: string) => string[],
): { readonly name: string; readonly patterns: string[] } | undefined {
  for (const name of names) {
    try {
      return { name, patterns: parse(readFileSync(join(folder, name), "utf8")) };
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") continue;
      throw error;
    }
  }
  return undefined;
}

/** A pattern of `files`, relative to the package. */
function anchored(pattern: string): string {
  const exception = pattern.startsWith("!");
  const path = (exception ? pattern.slice(1) : pattern).replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
  return `${exception ? "!" : ""}${path === "" || path === "." ? "**" : path}`;
}
