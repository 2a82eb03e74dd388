import { BuildError } from "../errors.ts";
import type { Owner } from "../list/listing.ts";

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** Users and groups by name: what /etc/passwd and /etc/group of an image say. */
export interface Accounts {
  /** uid and primary group. */
  readonly users: ReadonlyMap<string, Ids>;
  readonly groups: ReadonlyMap<string, number>;
}

/** Reads passwd(5) and group(5). Lines that are not entries are passed over, as getpwnam(3) does; the first of a name counts. */
export function parseAccounts(passwd: string, group: string): Accounts {
  const users = new Map<string, Ids>();
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    const ids = { uid: parseId(uid), gid: parseId(gid) };
    if (name === undefined || ids.uid === undefined || ids.gid === undefined || users.has(name)) continue;
    users.set(name, { uid: ids.uid, gid: ids.gid });
  }
  const groups = new Map<string, number>();
  for (const line of group.split("\n")) {
    const [name, , text] = line.split(":");
    const gid = parseId(text);
    if (name !== undefined && gid !== undefined && !groups.has(name)) groups.set(name, gid);
  }
  return { users, groups };
}

/** Whether an owner can only be known by looking into the image. */
export function isNamed(owner: Owner): boolean {
  if (!("user" in owner)) return false;
  return parseId(owner.user) === undefined || (owner.group !== undefined && parseId(owner.group) === undefined);
}

/**
 * The numbers of an owner. A user by name alone brings its primary group; a number alone is the
 * group too, as COPY --chown has it. `accounts` is undefined when the image has no account files.
 * Throws BuildError SPEC.
 */
export function resolveOwner(owner: Owner, accounts: Accounts | undefined): Ids {
  if (!("user" in owner)) return owner;
  const number = parseId(owner.user);
  const ids = number === undefined ? accounts?.users.get(owner.user) : { uid: number, gid: number };
  if (ids === undefined) throw unknown("user", owner.user, "/etc/passwd", accounts);
  if (owner.group === undefined) return ids;
  const gid = parseId(owner.group) ?? accounts?.groups.get(owner.group);
  if (gid === undefined) throw unknown("group", owner.group, "/etc/group", accounts);
  return { uid: ids.uid, gid };
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  // (uid_t) -1 means "leave as it is" to chown(2).
  return id < 0xff_ff_ff_ff ? id : undefined;
}

function unknown(kind: string, name: string, file: string, accounts: Accounts | undefined): BuildError {
  const known = [...((kind === "user" ? accounts?.users : accounts?.groups)?.keys() ?? [])];
  const detail = accounts === undefined ? `the image has no ${file}` : `the image's ${file} does not have it`;
  const some = known.length === 0 ? "" : `, or one of ${known.slice(0, 8).join(", ")}${known.length > 8 ? " …" : ""}`;
  return new BuildError("SPEC", `Cannot find ${kind} "${name}": ${detail}`, {
    hint: `Write the owner as numbers ("1000:1000")${some}`,
  });
}
