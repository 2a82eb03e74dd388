import { RunnerError } from "../errors.ts";

/** Who a process runs as, in numbers. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** `gid` among them: what is closed to it must not open by a change of the first group (CVE-2022-2989). */
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
const nobody = 65_534;

/**
 * Finds `user`, `user:group`, `uid` or `uid:gid` in the image's accounts (image-spec config.md §User);
 * "" is root. A number need not be in passwd. Without a group it is the user's own, with the groups
 * that list it as a member. Throws RunnerError USER.
 */
export function resolveUser(text: string, accounts: Accounts): ResolvedUser {
  checkUser(text);
  const [user = "", group] = text.split(":");
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
    return { uid, gid, additionalGids: [gid], home };
  }
  const gid = idOf(text, entry?.[3]) ?? 0;
  const name = entry?.[0];
  const listed = groups
    .filter(([, , , members = ""]) => name !== undefined && members.split(",").includes(name))
    .flatMap(([, , id]) => idOf(text, id) ?? []);
  return { uid, gid, additionalGids: [...new Set([gid, ...listed])], home };
}

/** Whether a user is one that could be found, whatever the image has. Throws RunnerError USER. */
export function checkUser(text: string): void {
  const [user = "", group, ...rest] = text.split(":");
  if (rest.length > 0 || group === "") throw cannot(text, "expected USER or USER:GROUP");
  // A number with a sign, or with more digits than an id has, has been taken for a name, or for another number.
  for (const part of [user, group ?? ""]) {
    if (/^[-+]/.test(part) || /[\0\s]/.test(part)) throw cannot(text, "expected a name or a number");
    parseId(text, part);
  }
}

/** The number of a group, given as a name or a number. Throws RunnerError USER. */
export function resolveGroup(group: string, accounts: Accounts): number {
  const gid = parseId(group, group) ?? idOf(group, rows(accounts.group, 3).find(([name]) => name === group)?.[2]);
  if (gid === undefined) throw cannot(group, `the image's /etc/group has no group "${group}"`);
  return gid;
}

/** The numbers of an image's accounts, but of "nobody", who owns nothing. */
export function idsOf({ passwd, group }: Accounts): readonly number[] {
  return [...rows(passwd, 6).flatMap(([, , uid, gid]) => [uid, gid]), ...rows(group, 3).map(([, , gid]) => gid)]
    .flatMap((column) => (column !== undefined && /^[0-9]+$/.test(column) ? [Number(column)] : []))
    .filter((id) => id !== nobody);
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
  return new RunnerError("USER", `Cannot run as user ${JSON.stringify(text.slice(0, 100))}: ${detail}`);
}
