// Bundles the command into dist/bin. Loading some two hundred modules costs more than a small
// build; as a few files it is a tenth of that (docs/decisions/0005-bundled-command.md).
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
// Made beside and moved into place: a command that runs meanwhile finds the old files or the new.
const place = join(root, "dist", "bin");
const out = `${place}.${process.pid}`;
const require = createRequire(import.meta.url);

const bundle = await rolldown({
  input: { main: join(root, "dist", "main.js"), "node-flags": join(root, "dist", "node-flags.js") },
  platform: "node",
  // Parses programs, with much that is loaded by computed names: for few builds, and left where it is.
  // Where SBOMs are written as XML, which they are not, xmlbuilder2 would do it.
  external: ["@vercel/nft", "xmlbuilder2"],
  preserveEntrySignatures: "allow-extension",
  resolve: { alias: { "string-width": require.resolve("fast-string-width") } },
  // For what yargs loads configuration files with, which is not used.
  transform: { define: { "import.meta.resolve": "require.resolve" } },
  plugins: [besides(), notices(), deferred(), importing()],
  // Dynamic imports that break a cycle, and move no module into a chunk of its own, are as they should be.
  onLog: (level, log, report) => {
    if (log.code !== "INEFFECTIVE_DYNAMIC_IMPORT") report(level === "warn" ? "error" : level, log);
  },
});
await bundle.write({
  dir: out,
  format: "cjs",
  entryFileNames: "[name].cjs",
  chunkFileNames: "[name]-[hash].cjs",
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  sourcemap: false,
  codeSplitting: {
    groups: [
      // To make a schema costs more than to load the file it is in: each is in one of its own, for `deferred`.
      {
        debugName: "schemas",
        includeDependenciesRecursively: false,
        name: (id) => basename(id, ".js"),
        test: definesSchemas,
      },
      // Else they are in one file with containerd's API, which is half of what a container on runc would load.
      { name: "image-facts", includeDependenciesRecursively: false, test: /\/runner\/dist\/image\// },
    ],
  },
});
await bundle.close();

rmSync(place, { recursive: true, force: true });
renameSync(out, place);
// `-h` and not `--help`, which would print the very file that is written here.
writeFileSync(join(place, "help.txt"), execFileSync(process.execPath, [join(root, "bin", "lading.js"), "-h"]));

// `new URL("x", import.meta.url)` names a file beside the module: a worker becomes an entry of its
// own in dist/bin, anything else (WebAssembly) is copied there.
function besides() {
  return {
    name: "besides",
    transform(code, id) {
      if (!code.includes("import.meta.url")) return null;
      const changed = code.replace(/new URL\(\s*["`]([^"`]+)["`],\s*import\.meta\.url,?\s*\)/g, (_, written) => {
        // The builder looks for its worker's source or its compiled form; here only the latter is.
        const path = written.replace("${extension}", "js");
        const file = resolve(dirname(id), path);
        const name = basename(path).replace(/\.js$/, ".cjs");
        if (name.endsWith(".cjs")) this.emitFile({ type: "chunk", id: file, fileName: name });
        else {
          mkdirSync(out, { recursive: true });
          copyFileSync(file, join(out, name));
        }
        return `new URL("./${name}", import.meta.url)`;
      });
      return changed === code ? null : { code: changed };
    },
  };
}

function definesSchemas(id) {
  return /\/packages\/\w[\w-]*\/dist\/.*\.js$/.test(id) && readFileSync(id, "utf8").includes('from "zod"');
}

// The licences of what is bundled ask for their text to come along.
function notices() {
  return {
    name: "notices",
    generateBundle() {
      const texts = new Map();
      for (const id of this.getModuleIds()) {
        const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0];
        if (folder === undefined || texts.has(folder)) continue;
        const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)/i.test(entry));
        const text = file === undefined ? "" : `\n\n${readFileSync(join(folder, file), "utf8").trim()}`;
        texts.set(folder, `${name} ${version} (${license})${text}`);
      }
      const source = `${[...texts.values()].toSorted((a, b) => (a < b ? -1 : 1)).join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
      this.emitFile({ type: "asset", fileName: "LICENSES.txt", source });
    },
  };
}

// What a file requires is loaded when it is first used, and not when the file is: no module here does anything but
// define things, and a command uses few of those that it could. `a.b` becomes `(a??=require("a")).b`.
function deferred() {
  return {
    name: "deferred",
    generateBundle(_, files) {
      for (const file of Object.values(files)) {
        if (file.type !== "chunk") continue;
        file.code = file.code.replace(/\bconst(?= (?:require|node)_[\w$]+=require\()/g, "let");
        for (const [written, name, id] of file.code.matchAll(
          /\b((?:require|node)_[\w$]+)=(require\("(?:\.\/|node:)[^"]+"\))/g,
        )) {
          const pattern = `\\b${name.replaceAll("$", "\\$")}`;
          const uses = new RegExp(`${pattern}(?![\\w$])`, "g");
          const properties = new RegExp(`${pattern}\\.(?=[A-Za-z_$])`, "g");
          const code = file.code.replace(written, () => name);
          // Handed on as a whole, it cannot wait.
          if (code.match(uses)?.length !== (code.match(properties)?.length ?? 0) + 1) continue;
          file.code = code.replace(properties, () => `(${name}??=${id}).`);
        }
      }
    },
  };
}

// `bin/load-bundle.cjs` compiles these files, and has an `import` for them that Node knows what to do with.
function importing() {
  return {
    name: "importing",
    generateBundle(_, files) {
      for (const file of Object.values(files))
        if (file.type === "chunk") file.code = file.code.replace(/\bawait import\(/g, "await require.import(");
    },
  };
}
