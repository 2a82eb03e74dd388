import { BuildError } from "../errors.ts";
import type { PackageManifest } from "./lockfile.ts";
import { isFields } from "./package-manifest.ts";

/** What `node` is called with: its own flags, a file of the package, arguments. */
export interface EntryPoint {
  readonly flags: readonly string[];
  /** Relative to the package, without a leading "./". */
  readonly file: string;
  readonly arguments: readonly string[];
}

/**
 * How a package is started: by `scripts.start` when that is a plain `node FILE`, else by its only `bin`, `main`,
 * `exports`, or an index.js. `exists` says whether the package has a file. Throws BuildError SPEC or SOURCE_MISSING.
 */
export function entryPointOf(manifest: PackageManifest, exists: (file: string) => boolean): EntryPoint {
  const start = manifest.scripts["start"];
  const plain = start === undefined ? undefined : parseNodeCommand(start);
  const named =
    plain?.file === "." ? { ...plain, file: relativePath(manifest.main ?? "index.js") } : (plain ?? byField(manifest));
  if (named === undefined) {
    if (exists("index.js")) return { flags: [], file: "index.js", arguments: [] };
    throw unknownEntry(manifest);
  }
  const file = [named.file, `${named.file}.js`, `${named.file}/index.js`].find(exists);
  if (file === undefined)
    throw new BuildError(
      "SOURCE_MISSING",
      `Cannot start the image: package.json names "${named.file}", and it is not there`,
      {
        hint:
          manifest.scripts["build"] === undefined
            ? "Name the program with --entrypoint, or correct package.json"
            : "Build the project first: npm run build",
      },
    );
  return { ...named, file };
}

// Flags that take the next word as their value when they have no "=".
const withValue = new Set(["-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"]);

/** Reads "node [flags] FILE [arguments]"; undefined for what needs a shell, or is something else. */
export function parseNodeCommand(command: string): EntryPoint | undefined {
  if (/[&|;<>$`\\'"*?(){}~#\n]/.test(command)) return undefined;
  const [program, ...words] = command.trim().split(/\s+/);
  if (program !== "node") return undefined;
  let at = 0;
  for (let word = words[at]; word?.startsWith("-") === true; word = words[at]) {
    // Nothing of a watcher or of code on the command line belongs into an image.
    if (/^(?:-e|-p|--eval|--print|--watch|--test)/.test(word)) return undefined;
    at += withValue.has(word) ? 2 : 1;
  }
  const file = words[at];
  return file === undefined
    ? undefined
    : { flags: words.slice(0, at), file: relativePath(file), arguments: words.slice(at + 1) };
}

function byField({ name = "", main, bin, exports }: PackageManifest): EntryPoint | undefined {
  const programs = typeof bin === "string" ? [bin] : Object.values(bin ?? {});
  const own = isFields(bin) ? bin[name.slice(name.lastIndexOf("/") + 1)] : undefined;
  const file = (programs.length === 1 ? programs[0] : own) ?? main ?? exported(exports);
  return file === undefined ? undefined : { flags: [], file: relativePath(file), arguments: [] };
}

/** The file that `exports` gives to who imports the package by its name in Node. */
function exported(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return exported(value[0]);
  if (!isFields(value)) return undefined;
  if ("." in value) return exported(value["."]);
  for (const condition of ["node", "import", "module-sync", "require", "default"]) {
    const file = exported(value[condition]);
    if (file !== undefined) return file;
  }
  return undefined;
}

function unknownEntry({ scripts, bin }: PackageManifest): BuildError {
  const start = scripts["start"];
  const names = isFields(bin) ? Object.keys(bin) : [];
  const why =
    names.length > 1
      ? `package.json has several bin: ${names.join(", ")}`
      : start === undefined
        ? "package.json has no bin, main, exports or start script, and there is no index.js"
        : `its start script "${start}" is not a plain "node FILE", and package.json has no bin, main or exports`;
  return new BuildError("SPEC", `Cannot tell how the image starts: ${why}`, {
    hint: 'Name the program with --entrypoint \'["node", "/app/server.js"]\', or in package.json as main',
  });
}

function relativePath(file: string): string {
  return file.replace(/^(?:\.?\/)+/, "");
}
