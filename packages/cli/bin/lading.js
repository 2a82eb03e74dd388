#!/usr/bin/env node
// Plain JavaScript and outside dist, so that a package manager finds the command before anything is compiled.
const args = process.argv.slice(2);
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(`error: Lading needs Node 22.22 or newer: this is ${process.version}\n`);
  process.exitCode = 1;
} else {
  // As `import` gives them, Node's modules are loaded with all that they offer: 5 ms more.
  const { existsSync, readFileSync } = process.getBuiltinModule("node:fs");
  const module = process.getBuiltinModule("node:module");
  const { fileURLToPath } = process.getBuiltinModule("node:url");
  const help = new URL("../dist/bin/help.txt", import.meta.url);
  if (args.length === 1 && args[0] === "--version") {
    // Asked often by scripts, so nothing is loaded for it; nor for the help, where it fits as it was laid out.
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    process.stdout.write(`${version}\n`);
  } else if (args.length === 1 && args[0] === "--help" && existsSync(help) && !(process.stdout.columns < 100)) {
    process.stdout.write(readFileSync(help));
  } else {
    const require = module.createRequire(import.meta.url);
    const { loadBundle } = require("./load-bundle.cjs");
    require("../dist/bin/node-flags.cjs").setUpFor(args[0]);
    const { main } = loadBundle(fileURLToPath(new URL("../dist/bin/main.cjs", import.meta.url)), {
      folder: codeFolder(),
      command: /^[a-z]+$/.test(args[0] ?? "") ? args[0] : "lading",
    });
    await main(args);
  }
}

/** Not in /tmp, where others could put theirs, and not among the layers, whose folder is an OCI layout. */
function codeFolder() {
  // By the XDG specification a path that is not absolute counts as none.
  const { XDG_CACHE_HOME: cache = "" } = process.env;
  if (process.getBuiltinModule("node:path").isAbsolute(cache)) return `${cache}/lading-code`;
  try {
    return `${process.getBuiltinModule("node:os").homedir()}/.cache/lading-code`;
  } catch {
    // A number without a name: containers run with such.
    return undefined;
  }
}
