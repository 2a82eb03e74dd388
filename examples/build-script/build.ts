import { copyFile, mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { scratch } from "lading";

const context = dirname(fileURLToPath(import.meta.url));
const { resolve } = createRequire(import.meta.url);
const { name, version, license } = JSON.parse(await readFile(`${context}/package.json`, "utf8"));
const port = 8080;

// pnpm keeps packages outside this folder, and a build reads nothing outside its context.
for (const cpu of ["x64", "arm64"]) {
  await mkdir(`${context}/dist/${cpu}`, { recursive: true });
  await copyFile(resolve(`@esbuild/linux-${cpu}/bin/esbuild`), `${context}/dist/${cpu}/server`);
}

// Descriptions are immutable: this one could be the start of several images.
const server = scratch()
  .layer("server", [
    { src: "dist/x64/server", dest: "/server", platform: "linux/amd64" },
    { src: "dist/arm64/server", dest: "/server", platform: "linux/arm64" },
  ])
  .entrypoint(["/server", "--servedir=/site", `--serve=0.0.0.0:${port}`, "--watch=forever"])
  .user("65532:65532")
  .expose(port);

const image = await server
  .layer("pages", { site: "/site" })
  .layer("version", [{ content: JSON.stringify({ name, version }), dest: "/site/version.json" }])
  .label({ "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": license })
  .build({ context, platforms: ["linux/amd64", "linux/arm64"] });

const place = process.argv[2] ?? "oci-archive:site.tar";
await image.save(place, { tags: [`localhost/site:${version}`] });

for (const { platform, layers } of image.images)
  for (const layer of layers)
    console.log(`${platform.architecture}  ${layer.name}  ${layer.descriptor.size} bytes  ${layer.reuse}`);
console.log(`${image.digest}  ${place}`);
