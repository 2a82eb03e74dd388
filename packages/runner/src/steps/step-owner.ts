import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readJson } from "../state/json-file.ts";
import { isAlive, processId } from "../state/process-id.ts";
import { hasCode } from "../state/system-error.ts";

/*
 * Steps are of the process that runs them: its folder `steps/ID` of the state folder says who that is (`owner`), and
 * which files of bases it stands on (`bases/TREE`). When it is gone, whoever comes next takes the folder away.
 */

/** Makes the folder of this process's steps. */
export function takeFolder(folder: string): void {
  mkdirSync(join(folder, "bases"), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "owner"), JSON.stringify(processId()));
}

/** Keeps a base from being removed as long as this process lives. */
export function holdBase(folder: string, tree: string): void {
  writeFileSync(join(folder, "bases", tree), "");
}

/** Whether steps of a process that lives stand on a base. */
export function isHeld(steps: string, tree: string): boolean {
  return foldersIn(steps).some(
    (id) => foldersIn(join(steps, id, "bases")).includes(tree) && !isAbandoned(join(steps, id)),
  );
}

/** The folders of processes that are gone. */
export function abandonedFolders(steps: string): readonly string[] {
  return foldersIn(steps)
    .map((id) => join(steps, id))
    .filter(isAbandoned);
}

function isAbandoned(folder: string): boolean {
  const owner = readJson(join(folder, "owner"));
  // One that has just been made has none yet.
  if (typeof owner !== "object" || owner === null || !("pid" in owner) || !("start" in owner)) return false;
  const { pid, start } = owner;
  return typeof pid === "number" && typeof start === "string" && !isAlive({ pid, start });
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
