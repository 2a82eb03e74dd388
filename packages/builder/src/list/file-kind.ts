import { constants } from "node:fs";

/** Whether a mode, as stat(2) has it, is a folder's. */
export function isFolder(mode: number): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFDIR;
}

/** Whether it is a file's. */
export function isFile(mode: number): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFREG;
}
