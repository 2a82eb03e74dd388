import type { ContainerConfig, Tree } from "@lading/oci";
import { RunnerError } from "../errors.ts";

/** What a runtime mounts over, and so must find as directories of the image's own. */
const mountPoints = ["dev", "proc", "sys"];

/**
 * Refuses what has made runtimes reach outside a container, before one is called. Throws RunnerError
 * UNSAFE_IMAGE.
 */
export function checkImage(config: ContainerConfig, tree: Tree): void {
  for (const name of mountPoints) {
    const found = tree.lstat(name);
    if (found === undefined || found.header.type === "directory") continue;
    const what = found.header.type === "symlink" ? `a symlink to "${found.header.linkname}"` : `a ${found.header.type}`;
    // A runtime that follows it makes its devices on the host (CVE-2026-41579).
    throw unsafe(`/${name} is ${what}, not a directory`);
  }
  checkWorkingDir(config.WorkingDir ?? "");
  for (const entry of config.Env ?? [])
    // `podman run -e NAME` and its like take the value of the host's variable.
    if (!entry.includes("=") || entry.startsWith("="))
      throw unsafe(`its Env has "${entry}", which is no NAME=value and might be filled in from the host`);
}

/** A working directory below /proc may be a door to the host (CVE-2024-21626). Throws RunnerError UNSAFE_IMAGE. */
export function checkWorkingDir(path: string): void {
  if (path.includes("\0")) throw unsafe("its working directory holds a NUL");
  if (/^\/*proc(?:\/|$)/.test(cleaned(path))) throw unsafe(`its working directory "${path}" is below /proc`);
}

function cleaned(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function unsafe(detail: string): RunnerError {
  return new RunnerError("UNSAFE_IMAGE", `Cannot run the image: ${detail}`);
}
