import type { FileContent, LayerEntry, LayerPlan } from "../entry.ts";
import { RememberedPlan } from "./remembered-plan.ts";

/** Whether two plans make the same layer. Files on disk are compared by identity: of one listing they are the same objects. */
export function isSamePlan(a: LayerPlan, b: LayerPlan): boolean {
  if (a instanceof RememberedPlan && b instanceof RememberedPlan)
    return a.name === b.name && a.packed.descriptor.digest === b.packed.descriptor.digest;
  return (
    a.name === b.name &&
    a.entries.length === b.entries.length &&
    a.entries.every((entry, index) => isSameEntry(entry, b.entries[index]))
  );
}

function isSameEntry(a: LayerEntry, b: LayerEntry | undefined): boolean {
  if (b === undefined || a.path !== b.path || a.type !== b.type || a.mode !== b.mode) return false;
  if (a.uid !== b.uid || a.gid !== b.gid || a.mtime !== b.mtime || a.xattrs !== b.xattrs) return false;
  if (a.type === "file") return b.type === "file" && isSameContent(a.content, b.content);
  if (a.type === "symlink" || a.type === "hardlink") return b.type === a.type && a.linkname === b.linkname;
  if (a.type !== "char" && a.type !== "block") return true;
  return b.type === a.type && a.devmajor === b.devmajor && a.devminor === b.devminor;
}

function isSameContent(a: FileContent, b: FileContent): boolean {
  if (a === b) return true;
  if (a.kind === "member") return b.kind === "member" && a.digest === b.digest && a.path === b.path;
  return a.kind === "literal" && b.kind === "literal" && Buffer.compare(a.bytes, b.bytes) === 0;
}
