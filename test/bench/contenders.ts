import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Workload } from "./workloads.ts";

/** A way to make one image FROM scratch of a workload, as an OCI archive. */
export interface Contender {
  readonly name: string;
  /** Programs it needs. */
  readonly needs: readonly string[];
  /** Where it works and leaves `out.tar`; made anew before every run, unless `keeps` says that the last run's stays. */
  readonly keeps?: boolean;
  readonly argv: (run: Run) => readonly string[];
  /** Whether there is an archive in the end, for `skopeo inspect` to judge. */
  readonly archive: boolean;
}

interface Run {
  readonly workload: Workload;
  /** The files. */
  readonly source: string;
  /** A folder of the contender's own. */
  readonly work: string;
}

const root = join(import.meta.dirname, "../..");
const node = join(root, "node_modules/.bin/node");
const command = join(root, "packages/cli/bin/lading.js");

/** The command from this checkout, as installed ones start it. */
export function lading(...args: readonly string[]): readonly string[] {
  return [node, command, ...args];
}

export const startUp = {
  node: [node, "-e", "0"],
  version: lading("--version"),
  help: lading("--help"),
} as const;

/** @param keeps - Build with the cache and output of the run before. */
function ladingBuild(name: string, flags: readonly string[], keeps = false): Contender {
  return {
    name,
    keeps,
    needs: [],
    archive: true,
    argv: ({ source, work }) => {
      const places = ["-o", `oci-archive:${join(work, "out.tar")}`, "--cache-dir", join(work, "cache")];
      return lading("build", source, ...places, "--platform", "linux/amd64", "--quiet", ...flags);
    },
  };
}

export const fresh: readonly Contender[] = [
  ladingBuild("lading", []),
  ladingBuild("lading zstd", ["--compression", "zstd"]),
  ladingBuild("lading none", ["--compression", "none"]),
  {
    name: "umoci insert",
    needs: ["umoci"],
    archive: true,
    argv: ({ workload, source, work }) =>
      shell(
        `cd ${quote(work)}`,
        "umoci init --layout l",
        "umoci new --image l:t",
        ...workload.layers.map((name) => `umoci insert --image l:t ${quote(join(source, name))} /app/${name}`),
        "tar -cf out.tar -C l .",
      ),
  },
  {
    name: "buildah copy, commit",
    needs: ["buildah"],
    archive: true,
    argv: ({ workload, source, work }) =>
      shell(
        `cd ${quote(work)}`,
        `b() { buildah --root ${quote(work)}/root --runroot ${quote(work)}/run "$@"; }`,
        "c=$(b from scratch)",
        ...workload.layers.map((name) => `b copy -q $c ${quote(join(source, name))} /app/${name}`),
        "b commit -q --disable-compression=false $c oci-archive:out.tar",
      ),
  },
  {
    name: "floor: tar | pigz -6",
    needs: ["tar", "pigz", "sha256sum"],
    archive: false,
    argv: ({ workload, source, work }) =>
      shell(
        `cd ${quote(work)}`,
        `tar -cf - -C ${quote(source)} ${workload.layers.join(" ")} | tee >(sha256sum >diffid) | pigz -6 -p2 | tee out.tar | sha256sum >digest`,
      ),
  },
];

export const unchanged: Contender = ladingBuild("lading, no change", [], true);
export const oneChanged: Contender = ladingBuild("lading, one file changed", [], true);

/** The programs that are not installed. */
export function missing(names: readonly string[]): string[] {
  return names.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
}

/** Before a run: a folder without what an earlier one left. */
export function cleared(work: string): string {
  // Storage of engines: mounts must go before files.
  spawnSync("buildah", ["--root", join(work, "root"), "--runroot", join(work, "run"), "rm", "--all"]);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  return work;
}

function shell(...lines: readonly string[]): readonly string[] {
  return ["bash", "-euo", "pipefail", "-c", lines.join("\n")];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
