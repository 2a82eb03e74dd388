#!/usr/bin/env node
// Plain JavaScript and outside dist, so that a package manager finds the command before anything is compiled.
import { readFileSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(`error: Lading needs Node 22.22 or newer: this is ${process.version}\n`);
  process.exitCode = 1;
} else if (process.argv.length === 3 && process.argv[2] === "--version") {
  // Asked often by scripts, so nothing is loaded for it.
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  process.stdout.write(`${version}\n`);
} else {
  // Code compiled by one run is reused by the next. Not in /tmp, where others could put theirs.
  const cache = process.env.LADING_CACHE_DIR || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lading");
  module.enableCompileCache(join(cache, "code"));
  const { main } = await import("../dist/bin/main.js");
  await main(process.argv.slice(2));
}
