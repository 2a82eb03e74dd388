// Bundles the command into dist/bin. Loading some two hundred modules costs more than a small
// build; as a few files it is a tenth of that (docs/decisions/0006-bundled-command.md).
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
  input: { main: join(root, "dist", "main.js") },
  platform: "node",
  resolve: { alias: { "string-width": require.resolve("fast-string-width") } },
  plugins: [besides()],
  onLog: (level, log, report) => report(level === "warn" ? "error" : level, log),
});
await bundle.write({
  dir: out,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "[name]-[hash].js",
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  sourcemap: false,
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
        const name = basename(path);
        if (name.endsWith(".js")) this.emitFile({ type: "chunk", id: file, fileName: name });
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
