#!/usr/bin/env node
// Plain JavaScript and outside dist, so that a package manager finds the command before anything is compiled.
import { existsSync, readFileSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

const args = process.argv.slice(2);
const help = new URL("../dist/bin/help.txt", import.meta.url);
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(`error: Lading needs Node 22.22 or newer: this is ${process.version}\n`);
  process.exitCode = 1;
} else if (args.length === 1 && args[0] === "--version") {
  // Asked often by scripts, so nothing is loaded for it; nor for the help, where it fits as it was laid out.
  process.stdout.write(`${JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version}\n`);
} else if (args.length === 1 && args[0] === "--help" && existsSync(help) && !(process.stdout.columns < 100)) {
  process.stdout.write(readFileSync(help));
} else {
  // Code compiled by one run is reused by the next. Not in /tmp, where others could put theirs, and
  // not among the layers, whose folder is an OCI layout.
  module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lading-code"));
  const { main } = module.createRequire(import.meta.url)("../dist/bin/main.cjs");
  await main(args);
}
