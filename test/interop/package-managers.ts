import { createRequire } from "node:module";
import { delimiter } from "node:path";
import { run } from "./command.ts";

const { resolve } = createRequire(import.meta.url);

const programs = {
  npm: ["npm"],
  // As scripts/toolchain.mjs has it.
  pnpm: ["npx", "--yes", "pnpm@12.21.0"],
  "yarn-classic": [process.execPath, resolve("yarn-classic/bin/yarn.js")],
  yarn: [process.execPath, resolve("@yarnpkg/cli-dist/bin/yarn.js")],
} as const;

export type PackageManager = keyof typeof programs;

/** Runs a package manager in a folder; it asks the registry that npm is configured with, and trusts whom npm does. */
export async function manage(manager: PackageManager, args: readonly string[], folder: string): Promise<void> {
  const [program, ...before] = programs[manager];
  await run(program, [...before, ...args], { cwd: folder, env: await managerEnvironment() });
}

let environment: Promise<Readonly<Record<string, string>>> | undefined;

/** The variables by which any package manager asks that registry and trusts that authority. */
export async function managerEnvironment(): Promise<Readonly<Record<string, string>>> {
  return await (environment ??= readEnvironment());
}

async function readEnvironment(): Promise<Readonly<Record<string, string>>> {
  const registry = await npmSetting("registry");
  const authority = await npmSetting("cafile");
  return {
    ...(registry !== undefined && { npm_config_registry: registry, YARN_NPM_REGISTRY_SERVER: registry }),
    ...(authority !== undefined && {
      npm_config_cafile: authority,
      YARN_HTTPS_CA_FILE_PATH: authority,
      NODE_EXTRA_CA_CERTS: authority,
    }),
    // Where a CI says that it is one, Yarn makes no lockfile.
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
    YARN_ENABLE_TELEMETRY: "false",
  };
}

/** Undefined when it is not set. npm has settings beside the Node that runs it: this must be the machine's, not the pinned one. */
async function npmSetting(name: string): Promise<string | undefined> {
  const folders = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => !folder.endsWith("node_modules/.bin"));
  const value = (await run("npm", ["config", "get", name], { env: { PATH: folders.join(delimiter) } })).trim();
  return value === "" || value === "null" || value === "undefined" ? undefined : value;
}
