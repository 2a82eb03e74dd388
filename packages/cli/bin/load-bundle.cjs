"use strict";
// Plain JavaScript, as bin/lading.js is.
const { hash } = require("node:crypto");
const {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const vm = require("node:vm");

const unusedIsKept = 30 * 24 * 60 * 60 * 1000; // milliseconds

/**
 * Loads `entry` of the bundle and what it requires, with the code that V8 compiled of them in an earlier run of
 * `command`, kept in `folder`, if any. Node's own compile cache has a file as it is after loading: what functions are made
 * of is compiled when they are first called, in every run anew. Here a file is kept as it is when the process ends.
 */
exports.loadBundle = function loadBundle(entry, { folder, command }) {
  // The bundle is replaced as a whole, and what V8 itself checks of a file is its length.
  const { ino, ctimeMs } = statSync(entry);
  const prefix = `${command}-`;
  const kept = path.join(folder ?? "", `${prefix}${process.version}-${process.arch}-${ino}-${Math.trunc(ctimeMs)}`);
  const code = folder === undefined ? new Map() : readKept(kept);
  const besides = createRequire(entry);
  const scripts = new Map();
  const modules = new Map();
  let isNew = false;
  process.once("exit", (status) => {
    if (folder !== undefined && isNew && status === 0) keep(kept, codeOf(scripts, code), prefix);
  });
  load.import = (specifier) => import(specifier);
  return load(`./${entry.slice(path.dirname(entry).length + 1)}`);

  function load(id) {
    if (!id.startsWith("./")) return besides(id);
    const loaded = modules.get(id);
    if (loaded !== undefined) return loaded.exports;
    const filename = path.join(path.dirname(entry), id);
    const script = new vm.Script(
      `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, "utf8")}\n})`,
      { filename, cachedData: code.get(id) },
    );
    if (script.cachedDataRejected !== false) isNew = true;
    scripts.set(id, script);
    const module = { exports: {} };
    modules.set(id, module);
    script.runInThisContext().call(module.exports, module.exports, load, module, filename, path.dirname(entry));
    return module.exports;
  }
};

/** A line of JSON that names files and the lengths of their code, with a digest of that, then the code. */
function readKept(file) {
  try {
    const bytes = readOwn(file);
    let at = bytes.indexOf("\n") + 1;
    const { parts, digest } = JSON.parse(bytes.toString("latin1", 0, at));
    // V8 runs what it is given: of a file that a power failure cut off, into a crash.
    if (hash("sha256", bytes.subarray(at)) !== digest) return new Map();
    return new Map(parts.map(([id, length]) => [id, bytes.subarray(at, (at += length))]));
  } catch {
    return new Map();
  }
}

/** Reads a file of this user's: code of anybody else's is not run, root's neither. */
function readOwn(file) {
  const descriptor = openSync(file, "r");
  try {
    if (process.getuid !== undefined && fstatSync(descriptor).uid !== process.getuid()) throw new Error("not own");
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The code of what is loaded, and of what other runs of the command have loaded. */
function codeOf(scripts, before) {
  const others = [...before].filter(([id]) => !scripts.has(id));
  return [...others, ...Array.from(scripts, ([id, script]) => [id, script.createCachedData()])];
}

function keep(file, parts, prefix) {
  const code = Buffer.concat(parts.map(([, bytes]) => bytes));
  const head = { parts: parts.map(([id, { length }]) => [id, length]), digest: hash("sha256", code) };
  const made = `${file}.${process.pid}`;
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(made, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), code]), { mode: 0o600 });
    renameSync(made, file);
    // Of versions that are gone.
    for (const name of readdirSync(path.dirname(file)).filter((other) => other.startsWith(prefix))) {
      const other = path.join(path.dirname(file), name);
      if (Date.now() - statSync(other).mtimeMs > unusedIsKept) rmSync(other, { force: true });
    }
  } catch {
    // Without it the next run takes somewhat longer.
  }
}
