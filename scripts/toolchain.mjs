// What `npm start` and `npm test` share: the pinned tools are installed and the sources compiled.
// Plain JavaScript for Node >= 18, without dependencies: it runs before anything is installed.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const bin = join(root, "node_modules/.bin");

/** Environment in which `node` is the pinned one, for every child and its children. */
export const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };

/** Install what the lockfile pins, and compile. Does nothing that an earlier run has done. */
export function prepare() {
  install();
  run(pinnedNode(), ["packages/builder/assembly/build.mjs"]);
  run(join(bin, "tsc"), ["-b"]);
  for (const script of ["schema", "bundle"]) run(pinnedNode(), [`packages/cli/scripts/${script}.mjs`]);
}

/** The Node that runs the project: the pinned one, or this one where no build is published for the platform. */
export function pinnedNode() {
  const pinned = join(bin, "node");
  if (existsSync(pinned)) return pinned;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 22)) return process.execPath;
  return fail(
    `No pinned Node for ${process.platform}-${process.arch}, and this one is ${process.version}: need 22.22 or newer`,
  );
}

/** Run a command in the checkout; a failing one ends this process. */
export function run(command, args, options = {}) {
  const { error, status, signal } = spawnSync(command, args, {
    cwd: root,
    env: environment,
    stdio: "inherit",
    ...options,
  });
  if (error) return fail(`Cannot run ${command}: ${error.message}`);
  if (status !== 0)
    return fail(`${[command.replace(`${root}/`, ""), ...args].join(" ")}: ${signal ?? `exit code ${status}`}`);
}

export function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}

function install() {
  const manifests = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && ["packages", "examples"].includes(entry.name))
    .flatMap((folder) => readdirSync(join(root, folder.name)).map((name) => join(folder.name, name, "package.json")));
  const pinned = ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", "test/package.json", ...manifests.sort()];
  const hash = createHash("sha256");
  for (const file of pinned.filter((path) => existsSync(join(root, path))))
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  const key = hash.digest("hex");
  const stamp = join(root, "node_modules/.cache/lading-install");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === key) return;
  const [command, args] = pnpm();
  run(command, [...args, "install", "--frozen-lockfile"]);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, key);
}

/**
 * The pinned pnpm: the one on PATH when it is that version, else by way of npx, which ships with npm.
 * @returns {[command: string, args: string[]]}
 */
function pnpm() {
  const { status, stdout } = spawnSync("pnpm", ["--version"], { cwd: root, encoding: "utf8" });
  if (status === 0 && stdout.trim() === engines.pnpm) return ["pnpm", []];
  return ["npx", ["--yes", `pnpm@${engines.pnpm}`]];
}
