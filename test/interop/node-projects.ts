import { copyFile, cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./command.ts";
import { lading, writeFiles } from "./lading.ts";
import { manage } from "./package-managers.ts";

const example = fileURLToPath(new URL("../../examples/pnpm-workspace", import.meta.url));

/** The example's workspace, installed by pnpm for linux/amd64 and linux/arm64. */
export async function pnpmWorkspace(folder: string): Promise<void> {
  await cp(example, folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
  await manage("pnpm", ["install", "--frozen-lockfile"], folder);
}

const installing = {
  npm: ["install", "--ignore-scripts", "--no-audit", "--no-fund"],
  "yarn-classic": ["install", "--ignore-scripts", "--non-interactive"],
  yarn: ["install"],
} as const;

/** The same workspace, installed by npm or a Yarn for this machine. */
export async function otherWorkspace(folder: string, manager: "npm" | "yarn-classic" | "yarn"): Promise<void> {
  await cp(join(example, "packages"), join(folder, "packages"), {
    recursive: true,
    filter: (path) => !path.includes("node_modules"),
  });
  const api = join(folder, "packages/api/package.json");
  const manifest = await readFile(api, "utf8");
  await writeFiles(folder, {
    "package.json": JSON.stringify({
      name: "workspace",
      private: true,
      workspaces: ["packages/*"],
      devDependencies: { "is-odd": "3.0.1" },
    }),
    // Only pnpm and later Yarns know the protocol.
    "packages/api/package.json": manifest.replace("workspace:*", "1.0.0"),
  });
  if (manager === "yarn")
    await writeFiles(folder, { ".yarnrc.yml": "nodeLinker: node-modules\nenableScripts: false\n", "yarn.lock": "" });
  await manage(manager, installing[manager], folder);
}

/** An image with the Node that runs the tests and the libraries that it needs, as an OCI layout. */
export async function nodeBase(folder: string): Promise<string> {
  const root = join(folder, "root");
  await mkdir(join(root, "usr/local/bin"), { recursive: true });
  await copyFile(process.execPath, join(root, "usr/local/bin/node"));
  for (const [library] of (await run("ldd", [process.execPath])).matchAll(/\/\S+(?= \()/g)) {
    await mkdir(join(root, library, ".."), { recursive: true });
    await copyFile(library, join(root, library));
  }
  const place = `oci:${join(folder, "base")}:node`;
  await lading(["build", folder, "--add", "root:/", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", "-q", "-o", place]);
  return place;
}
