import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { RunnerError } from "../errors.ts";

const runtimes = ["runc", "crun"] as const;

/** The path of runc, else crun, on PATH or where root's programs are. Throws RunnerError NO_ENGINE. */
export function findRuntime(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const folders = [...(env["PATH"] ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  for (const name of runtimes)
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  throw new RunnerError("NO_ENGINE", `Cannot run a container: none of ${runtimes.join(", ")} is on PATH`, {
    hint: "Install runc: your distribution packages it",
  });
}
