import { BuildError } from "../errors.ts";
import type { PackageManifest } from "./lockfile.ts";
import { isFields } from "../fields.ts";
import { readScript, type Refusal, type ScriptCommand } from "./start-script.ts";

/** What `node` is called with: its own flags, a file, arguments. */
export interface EntryPoint {
  readonly flags: readonly string[];
  /** Relative to the package, without a leading "./"; of a dependency's program in a node_modules, here or above. */
  readonly file: string;
  /** Whether the file is a dependency's program, and in the image with that. Default: false. */
  readonly ofDependency?: true;
  readonly arguments: readonly string[];
  /** What the start script sets. */
  readonly env: Readonly<Record<string, string>>;
  /** Why this is not what the start script says. */
  readonly doubt?: string;
}

/** A program that Node runs. */
export interface NodeProgram {
  /** Relative to the package. */
  readonly file: string;
  /** What its first line has Node called with. */
  readonly flags: readonly string[];
}

/** What there is to start. */
export interface Startable {
  /** Whether the package has a file. */
  exists(file: string): boolean;
  /** A dependency's program. */
  program(name: string): NodeProgram | Refusal;
}

/**
 * How a package is started: by `scripts.start` when that comes to `node FILE` or a program of a dependency, without a shell,
 * else by its only `bin`, `main`, `exports`, or an index.js or server.js. Throws BuildError SPEC or SOURCE_MISSING.
 */
export function entryPointOf(manifest: PackageManifest, startable: Startable): EntryPoint {
  const start = manifest.scripts["start"];
  const started = start === undefined ? undefined : startedBy(manifest, startable);
  const refusal = started !== undefined && "why" in started ? started : undefined;
  const told = refusal && `the start script "${start}", which ${refusal.why}`;
  const found = (entry: EntryPoint): EntryPoint =>
    told === undefined ? entry : { ...entry, doubt: `${entry.file} starts the image, and not ${told}` };
  const named =
    started === undefined || "why" in started ? byField(manifest) : { ...started, file: mainFor(started, manifest) };
  if (named === undefined) {
    const usual = ["index.js", "server.js"].find((file) => startable.exists(file));
    if (usual !== undefined) return found(plain(usual));
    throw unknownEntry(manifest, refusal);
  }
  const file = [named.file, `${named.file}.js`, `${named.file}/index.js`].find((one) => startable.exists(one));
  if (file !== undefined) return found({ ...named, file });
  throw new BuildError(
    "SOURCE_MISSING",
    `Cannot start the image: package.json names "${named.file}", and it is not there${told === undefined ? "" : `, and cannot do with ${told}`}`,
    {
      hint:
        refusal?.hint ??
        (manifest.scripts["build"] === undefined
          ? "Name the program with --entrypoint, or correct package.json"
          : "Build the project first: npm run build"),
    },
  );
}

function startedBy({ scripts }: PackageManifest, startable: Startable): EntryPoint | Refusal {
  const command = readScript("start", scripts);
  if ("why" in command) return command;
  if (command.program === "node") return nodeCommand(command);
  const program = startable.program(command.program);
  return "why" in program
    ? program
    : { ...program, ofDependency: true, arguments: command.arguments, env: command.env };
}

// Flags that take the next word as their value when they have no "=".
const withValue = new Set([
  "-r",
  "--require",
  "--import",
  "--loader",
  "--experimental-loader",
  "-C",
  "--conditions",
  "--env-file-if-exists",
  "--title",
  "--max-http-header-size",
]);

/** Reads "[flags] FILE [arguments]". */
function nodeCommand({ arguments: words, env }: ScriptCommand): EntryPoint | Refusal {
  let at = 0;
  for (let word = words[at]; word?.startsWith("-") === true; word = words[at]) {
    // Nothing of a watcher or of code on the command line belongs into an image.
    if (/^(?:-e|-p|--eval|--print|--watch|--test)/.test(word)) return { why: `runs node with ${word}` };
    if (/^--env-file(?:=|$)/.test(word))
      return {
        why: `runs node with ${word}, and that file is in no image`,
        hint: "Write --env-file-if-exists, and give the variables to who runs the image",
      };
    at += withValue.has(word) ? 2 : 1;
  }
  const file = words[at];
  if (file === undefined) return { why: "runs node without a file" };
  return { flags: words.slice(0, at), file: relativePath(file), arguments: words.slice(at + 1), env };
}

/** `node .` is what main says. */
function mainFor({ file }: EntryPoint, { main = "index.js" }: PackageManifest): string {
  return file === "." || file === "" ? relativePath(main) : file;
}

function plain(file: string): EntryPoint {
  return { flags: [], file, arguments: [], env: {} };
}

function byField({ name = "", main, bin, exports }: PackageManifest): EntryPoint | undefined {
  const programs = typeof bin === "string" ? [bin] : Object.values(bin ?? {});
  const own = isFields(bin) ? bin[name.slice(name.lastIndexOf("/") + 1)] : undefined;
  const file = (programs.length === 1 ? programs[0] : own) ?? main ?? exported(exports);
  return file === undefined ? undefined : plain(relativePath(file));
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

function unknownEntry({ scripts, bin }: PackageManifest, refusal: Refusal | undefined): BuildError {
  const names = isFields(bin) ? Object.keys(bin) : [];
  const why =
    names.length > 1
      ? `package.json has several bin: ${names.join(", ")}`
      : refusal === undefined
        ? "package.json has no bin, main, exports or start script, and there is no index.js or server.js"
        : `its start script "${scripts["start"]}" ${refusal.why}, and package.json has no bin, main or exports`;
  return new BuildError("SPEC", `Cannot tell how the image starts: ${why}`, {
    hint:
      refusal?.hint ?? 'Name the program with --entrypoint \'["node", "/app/server.js"]\', or in package.json as main',
  });
}

function relativePath(file: string): string {
  return file.replace(/^(?:\.?\/)+/, "");
}
