import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@lading/testkit";
import { attempt } from "../interop/command.ts";
import { writeFiles } from "../interop/lading.ts";

const executable = fileURLToPath(new URL("../../lading", import.meta.url));

/** A folder to run the command in, with a cache of its own. */
export interface Workspace extends AsyncDisposable {
  readonly path: string;
  readonly cache: string;
  /** Runs `lading` there. */
  lading(
    args: readonly string[],
    env?: Readonly<Record<string, string | undefined>>,
  ): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  read(path: string): Promise<string>;
  names(path?: string): Promise<string[]>;
}

export async function workspace(files: Readonly<Record<string, string>> = {}): Promise<Workspace> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "work");
  const cache = join(folder.path, "cache");
  await mkdir(path);
  await writeFiles(path, files);
  const base = { LADING_CACHE_DIR: cache, SOURCE_DATE_EPOCH: undefined, NO_COLOR: "1", FORCE_COLOR: undefined };
  return {
    path,
    cache,
    lading: async (args, env) => await attempt(executable, args, { cwd: path, env: { ...base, ...env } }),
    write: async (more) => await writeFiles(path, more),
    read: async (name) => await readFile(join(path, name), "utf8"),
    names: async (name = ".") => (await readdir(join(path, name))).toSorted(),
    [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose](),
  };
}
