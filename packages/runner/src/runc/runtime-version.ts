import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { RunnerError } from "../errors.ts";
import { readJson, replaceJson } from "../state/json-file.ts";

const run = promisify(execFile);

/**
 * What `runc --version` says, kept below the state folder: to ask takes as long as half a container.
 * Asked again when the file is another. Throws RunnerError NO_ENGINE when it cannot be run.
 */
export async function runtimeVersion(path: string, root: string): Promise<string> {
  const stat = statSync(path, { throwIfNoEntry: false });
  const key = `${path} ${stat?.ino ?? ""} ${stat?.size ?? ""} ${stat?.mtimeMs ?? ""}`;
  const file = join(root, "runtime-version.json");
  const known = readJson(file);
  if (typeof known === "object" && known !== null && "key" in known && known.key === key && "version" in known)
    return String(known.version);
  const version = await ask(path);
  try {
    replaceJson(file, { key, version });
  } catch {
    // There is no state folder yet, or no right to write to it: then it is asked the next time too.
  }
  return version;
}

async function ask(path: string): Promise<string> {
  try {
    const { stdout } = await run(path, ["--version"]);
    return /version ([^\s]+)/.exec(stdout)?.[1] ?? "unknown";
  } catch (cause) {
    throw new RunnerError("NO_ENGINE", `Cannot use "${path}": it does not tell its version`, { cause });
  }
}
