import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Ids that a user may map into user namespaces of his own. */
interface SubordinateRange {
  readonly start: number;
  readonly size: number;
}

export interface SubordinateIds {
  readonly uids: readonly SubordinateRange[];
  readonly gids: readonly SubordinateRange[];
}

/** The ranges that /etc/subuid and /etc/subgid give a user, by name or number (subuid(5)); none where there is no such file. */
export function subordinateIds(
  user: { readonly name: string; readonly uid: number },
  { root = "/" }: { readonly root?: string } = {},
): SubordinateIds {
  const ranges = (file: string): readonly SubordinateRange[] => parseRanges(readText(join(root, file)), user);
  return { uids: ranges("etc/subuid"), gids: ranges("etc/subgid") };
}

function parseRanges(text: string, user: { readonly name: string; readonly uid: number }): readonly SubordinateRange[] {
  return text.split("\n").flatMap((line) => {
    const [, name, start, size] = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line) ?? [];
    if (name !== user.name && name !== String(user.uid)) return [];
    return Number(size) > 0 ? [{ start: Number(start), size: Number(size) }] : [];
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
