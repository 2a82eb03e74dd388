// pnpm keeps packages outside this folder, and a build may not read outside its context:
// bring the server programs in.
import { copyFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { resolve } = createRequire(import.meta.url);
for (const [architecture, name] of [
  ["amd64", "@esbuild/linux-x64"],
  ["arm64", "@esbuild/linux-arm64"],
]) {
  const folder = fileURLToPath(new URL(`bin/${architecture}`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  copyFileSync(resolve(`${name}/bin/esbuild`), `${folder}/esbuild`);
}
