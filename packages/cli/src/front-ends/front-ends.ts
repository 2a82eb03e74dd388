import { basename } from "node:path";
import type { Options as CommandOption } from "yargs";
import { configNames, readBeginning } from "../config/config-file.ts";
import { appRootOptions } from "../config/app-root-flag.ts";
import { dockerfileOptions } from "../config/dockerfile-flags.ts";
import { javaOptions } from "../config/java-flags.ts";
import { jibOptions } from "../config/jib-flags.ts";
import { nodeOptions } from "../config/node-project-flags.ts";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";
import type { FrontEnd } from "./front-end.ts";

/*
 * The first that finds its file in a folder describes the build. Each is loaded when it is used:
 * `lading build` with a lading.yaml reads nothing of the others.
 */

const ladingFile: FrontEnd = {
  what: "a build description of Lading",
  names: configNames,
  describes: true,
  owns: (path) => configNames.includes(basename(path)) || /\.(?:[cm]?[jt]s|ya?ml)$/.test(path),
  describe: async (path, options) => await (await import("./lading-file.ts")).describeLading(path, options),
};

const nodeProject: FrontEnd = {
  what: "a package.json",
  names: ["package.json"],
  describes: false,
  options: nodeOptions,
  owns: (path) => basename(path) === "package.json",
  describe: async (path, options) => (await import("./node-project.ts")).describeNode(path, options),
};

/** Also of what comes on standard input, as with docker. */
export const dockerfile: FrontEnd = {
  what: "a Dockerfile",
  names: ["Dockerfile", "dockerfile", "Containerfile"],
  describes: true,
  options: dockerfileOptions,
  owns: (path) => /^(?:dockerfile|containerfile)(?:\.|$)|\.(?:dockerfile|containerfile)$/i.test(basename(path)),
  describe: async (...args) => await (await import("./dockerfile.ts")).describeDockerfile(...args),
};

const jibNames = ["jib.yaml", "jib.yml"];

const jibFile: FrontEnd = {
  what: "a build file of Jib",
  names: jibNames,
  describes: true,
  options: jibOptions,
  owns: async (path) =>
    jibNames.includes(basename(path)) ||
    (/\.ya?ml$/.test(path) && /^apiVersion:\s*["']?jib\//m.test(await readBeginning(path))),
  describe: async (path, options) => await (await import("./jib-file.ts")).describeJib(path, options),
};

const javaArchive: FrontEnd = {
  what: "a jar or war",
  // A folder may have any number of them: somebody must say which.
  names: [],
  describes: true,
  standsAlone: true,
  options: javaOptions,
  owns: (path) => /\.[jw]ar$/i.test(path),
  describe: async (path, options) => await (await import("./java-archive.ts")).describeJava(path, options),
};

const staticSite: FrontEnd = {
  what: "a static site",
  names: ["index.html"],
  describes: false,
  options: appRootOptions,
  owns: (path) => basename(path) === "index.html",
  describe: async (path, options) => (await import("./static-site.ts")).describeSite(path, options),
};

const executable: FrontEnd = {
  what: "a program",
  // A folder may have any number of them: somebody must say which.
  names: [],
  describes: true,
  standsAlone: true,
  owns: async (path) => await (await import("./executable.ts")).isExecutable(path),
  describe: async (path, options) => await (await import("./executable.ts")).describeProgram(path, options),
};

/** Who reads what has no name that would tell what it is. */
export const usualFrontEnd = ladingFile;

/**
 * In the order in which folders are looked through. Who owns a file is asked the other way round: what begins like a
 * program may be a jar or a module still, and any YAML file may be Lading's.
 */
export const frontEnds: readonly FrontEnd[] = [
  executable,
  ladingFile,
  dockerfile,
  jibFile,
  nodeProject,
  staticSite,
  javaArchive,
];

/** The flags that have a meaning for some kinds of files only. */
export const frontEndOptions: Readonly<Record<string, CommandOption>> = Object.assign(
  {},
  ...frontEnds.map(({ options }) => options),
);

/** Throws UsageError for a flag that says nothing to those who read the file `shown`, and whatever it names. */
export function refuseForeignFlags(flags: Flags, readers: readonly FrontEnd[], shown: string): void {
  for (const name of Object.keys(frontEndOptions)) {
    if (!flags.given(name) || readers.some(({ options = {} }) => name in options)) continue;
    const kinds = frontEnds.filter(({ options = {} }) => name in options).map(({ what }) => what);
    throw new UsageError(`Cannot use --${name} with "${shown}": it is for ${kinds.join(" and ")} only`);
  }
}
