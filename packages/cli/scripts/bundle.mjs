// Bundles the command into dist/bin. Loading some two hundred modules costs more than a small
// build; as a few files it is a tenth of that (docs/decisions/0006-bundled-command.md).
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "dist", "bin");
const require = createRequire(import.meta.url);

rmSync(out, { recursive: true, force: true });
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
