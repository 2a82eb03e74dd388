// What npm would publish, as publint and the TypeScript compilers of its users see it.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { publicPackages } from "./public-packages.mjs";
import { environment, root } from "./toolchain.mjs";

const folder = mkdtempSync(join(tmpdir(), "lading-pack-"));
try {
  for (const { folder: pkgDir, manifest } of publicPackages) {
    const { filename } = JSON.parse(capture("pnpm", ["pack", "--json", "--pack-destination", folder], pkgDir));
    const tarball = new Uint8Array(readFileSync(filename)).buffer;
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    for (const message of messages) complain(manifest.name, formatMessage(message, pkg));
    capture("attw", ["--profile", "esm-only", "--no-emoji", filename], root);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function capture(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: environment, encoding: "utf8" });
  if (status !== 0) complain(args.at(-1), `${command}:\n${stdout}${stderr}`);
  return stdout;
}

function complain(name, text) {
  console.error(`${name}: ${text}`);
  process.exitCode = 1;
}
