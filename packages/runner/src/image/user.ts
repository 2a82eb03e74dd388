import { RunnerError } from "../errors.ts";

/** Who a process runs as, in numbers. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** The home folder that the image's passwd names. */
  readonly home: string | undefined;
}

/** The image's own accounts: the text of its /etc/passwd and /etc/group, "" where it has none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

// As the kernel's ids that are not -1, and as docker: anything above wraps around somewhere (CVE-2024-40635).
const highest = 2_147_483_647;

/**
 * Finds `user`, `user:group`, `uid` or `uid:gid` in the image's accounts (image-spec config.md §User);
 * "" is root. A number need not be in passwd. Without a group it is the user's own, with the groups
 * that list it as a member. Throws RunnerError USER.
 */
export function resolveUser(text: string, accounts: Accounts): ResolvedUser {
  const [user = "", group, ...rest] = text.split(":");
  if (rest.length > 0 || group === "") throw cannot(text, "expected USER or USER:GROUP");
  const wanted = user === "" ? "0" : user;
  const entries = rows(accounts.passwd, 6);
  const number = parseId(text, wanted);
  const entry = entries.find(([name, , uid]) => (number === undefined ? name === wanted : uid === String(number)));
  const uid = number ?? idOf(text, entry?.[2]);
  if (uid === undefined) throw cannot(text, `the image's /etc/passwd has no user "${wanted}"`);
  const home = entry?.[5];
  const groups = rows(accounts.group, 3);
  if (group !== undefined) {
    const gid = parseId(text, group) ?? idOf(text, groups.find(([name]) => name === group)?.[2]);
    if (gid === undefined) throw cannot(text, `the image's /etc/group has no group "${group}"`);
    return { uid, gid, additionalGids: [], home };
  }
  const gid = idOf(text, entry?.[3]) ?? 0;
  const name = entry?.[0];
  const additionalGids = groups
    .filter(([, , , members = ""]) => name !== undefined && members.split(",").includes(name))
    .flatMap(([, , id]) => idOf(text, id) ?? [])
    .filter((id) => id !== gid);
  return { uid, gid, additionalGids: [...new Set(additionalGids)], home };
}

function rows(table: string, columns: number): readonly (readonly string[])[] {
  return table
    .split("\n")
    .map((line) => line.split(":"))
    .filter((row) => row.length >= columns);
}

function parseId(text: string, part: string): number | undefined {
  return /^[0-9]+$/.test(part) ? within(text, Number(part)) : undefined;
}

function idOf(text: string, column: string | undefined): number | undefined {
  return column === undefined || !/^[0-9]+$/.test(column) ? undefined : within(text, Number(column));
}

function within(text: string, id: number): number {
  if (id > highest) throw cannot(text, `ids are at most ${highest}`);
  return id;
}

function cannot(text: string, detail: string): RunnerError {
  return new RunnerError("USER", `Cannot run as user "${text}": ${detail}`);
}
