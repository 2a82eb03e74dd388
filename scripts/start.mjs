// `npm start`: install what is pinned, compile, and build an image for two platforms from files alone.

import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepare, root, run } from "./toolchain.mjs";

const archive = "examples/hello-static/hello-static.tar";
const name = "localhost/hello-static:1";

prepare();

const folder = mkdtempSync(join(tmpdir(), "lading-start-"));
try {
  const report = join(folder, "report.json");
  const output = ["--output", `oci-archive:${archive}`, "--metadata-file", report, "--quiet"];
  const begun = performance.now();
  run("./lading", ["build", "examples/hello-static", ...output], { stdio: ["ignore", "ignore", "inherit"] });
  print(JSON.parse(readFileSync(report, "utf8")), performance.now() - begun);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function print(report, milliseconds) {
  const size = statSync(join(root, archive)).size;
  console.log(`${name} in ${archive}: ${mib(size)}, ${(milliseconds / 1000).toFixed(2)} s`);
  console.log(`  ${report.imageDigest}`);
  for (const { platform, layers } of report.images) {
    console.log(`  ${platform}`);
    for (const layer of layers)
      console.log(
        `    ${layer.name.padEnd(8)} ${layer.digest}  ${mib(layer.size)} (${mib(layer.unpackedSize)} unpacked)`,
      );
  }
  console.log(`
Go on with one of:
  ./lading inspect oci-archive:${archive}
  podman load -i ${archive} && podman run --rm -p 127.0.0.1:8080:8080 ${name}
  skopeo inspect oci-archive:${archive}
  ctr image import ${archive}`);
}

function mib(bytes) {
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
