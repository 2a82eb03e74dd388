import { findProgram } from "./system-program.ts";

// Where distributions and the plugins' own archives put them.
const usualFolders = [
  "/opt/cni/bin",
  "/usr/libexec/cni",
  "/usr/lib/cni",
  "/usr/local/libexec/cni",
  "/usr/local/lib/cni",
];

/** The folders of plugins; those of CNI_PATH come first. */
export function pluginFolders(): readonly string[] {
  return [...(process.env["CNI_PATH"] ?? "").split(":").filter((folder) => folder !== ""), ...usualFolders];
}

/** The path of a plugin; undefined: it is not installed. */
export function findPlugin(type: string): string | undefined {
  return findProgram(type, pluginFolders());
}
