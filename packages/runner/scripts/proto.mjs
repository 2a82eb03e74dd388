// Generates src/containerd/gen from proto; with --check only compares (docs/decisions/0010-containerd-client.md).
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const place = join(root, "src/containerd/gen");
const out = mkdtempSync(join(process.argv.includes("--check") ? tmpdir() : dirname(place), "gen-"));
const require = createRequire(import.meta.url);
const program = (name, bin) => join(dirname(require.resolve(`${name}/package.json`)), bin);

const options = [
  // Services are classes over bytes, streams async iterables.
  "lowerCaseServiceMethods=true",
  "useAbortSignal=true",
  "useAsyncIterable=true",
  // As Node runs it and the sources use it.
  "enumsAsLiterals=true",
  "esModuleInterop=true",
  "importSuffix=.ts",
  // Sizes are numbers: one above 2^53 throws.
  "forceLong=number",
  "useOptionals=messages",
  // Only what is used.
  "globalThisPolyfill=false",
  "outputIndex=false",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
];
const plugin = { local: program("ts-proto", "protoc-gen-ts_proto"), out, opt: options };
const template = { version: "v2", plugins: [plugin] };

try {
  execFileSync(program("@bufbuild/buf", "bin/buf"), ["generate", "proto", "--template", JSON.stringify(template)], {
    cwd: root,
    stdio: "inherit",
  });
  if (process.argv.includes("--check")) {
    if (text(out) !== text(place)) {
      console.error("error: src/containerd/gen is out of date\nhint: Run `node packages/runner/scripts/proto.mjs`");
      process.exitCode = 1;
    }
  } else {
    rmSync(place, { recursive: true, force: true });
    renameSync(out, place);
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}

function text(folder) {
  const files = globSync("**/*.ts", { cwd: folder }).toSorted();
  return files.map((file) => `${file}\n${readFileSync(join(folder, file), "utf8")}`).join("");
}
