import type { IdRange } from "../run-spec.ts";
import { type EffectiveMount, type Isolation, namespaceKinds } from "./isolation.ts";

export interface CompareOptions {
  /** What the two are called. Default: `the first` and `the second`. */
  readonly names?: readonly [string, string] | undefined;
}

/**
 * What is not the same of two processes' isolation, a line each; none when they are isolated alike.
 * Left out is what must differ (process ids, inodes, cgroup paths), and of files of the host on which
 * file system they lie.
 */
export function compareIsolation(left: Isolation, right: Isolation, { names }: CompareOptions = {}): readonly string[] {
  const [first, second] = names ?? ["the first", "the second"];
  const a = facts(left);
  const b = facts(right);
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((what) => {
    const one = a.get(what);
    const other = b.get(what);
    if (one === undefined) return [`${what}: only with ${second}`];
    if (other === undefined) return [`${what}: only with ${first}`];
    if (typeof one === "string" || typeof other === "string")
      return one === other ? [] : [`${what}: ${text(one)} with ${first}, ${text(other)} with ${second}`];
    const differences = [...only(one, other, first), ...only(other, one, second)];
    return differences.length === 0 ? [] : [`${what}: ${differences.join("; ")}`];
  });
}

/** A word, or a set of them. */
type Fact = string | readonly string[];

function facts(isolation: Isolation): ReadonlyMap<string, Fact> {
  const { namespaces, user, capabilities, limits, rlimits } = isolation;
  return new Map<string, Fact>([
    ...namespaceKinds.map((kind): [string, Fact] => [`${kind} namespace`, namespaces[kind]?.source ?? "unknown"]),
    ["uid map", isolation.uidMap.map(range)],
    ["gid map", isolation.gidMap.map(range)],
    ["user", `${user.uid}:${user.gid}`],
    ["groups", user.groups.map(String)],
    ...Object.entries(capabilities).map(([set, given]): [string, Fact] => [`${set} capabilities`, given]),
    ["no new privileges", isolation.noNewPrivileges ? "yes" : "no"],
    ["seccomp", isolation.seccomp],
    ...Object.entries(rlimits).map(([name, { soft, hard }]): [string, Fact] => [`limit of ${name}`, `${soft}:${hard}`]),
    ...Object.entries(limits).map(([name, limit]): [string, Fact] => [
      `cgroup limit of ${name}`,
      String(limit ?? "none"),
    ]),
    ["read-only root", isolation.readonlyRoot ? "yes" : "no"],
    ["masked paths", isolation.maskedPaths],
    ["read-only paths", isolation.readonlyPaths],
    ...isolation.mounts.map((mount): [string, Fact] => [`mount ${mount.destination}`, mountFacts(mount)]),
    ["oom score adjustment", String(isolation.oomScoreAdj)],
    ["unreadable", isolation.unreadable],
  ]);
}

function range({ containerId, hostId, size }: IdRange): string {
  return `${containerId} is ${hostId}, ${size} of them`;
}

// When a time of access is written, and how an overlay keeps its files, is nobody's isolation.
const indifferent =
  /^(?:(?:rel|no|strict|lazy)a?time|nodiratime|inode(?:32|64)|(?:lowerdir\+?|upperdir|workdir|uuid|index|xino|redirect_dir|metacopy)=.*)$/;
const flags: ReadonlySet<string> = new Set(["ro", "rw", "nosuid", "nodev", "noexec", "shared", "slave"]);

function mountFacts({ destination, type, bind, options }: EffectiveMount): readonly string[] {
  // The image's files are on whatever its engine keeps them on.
  if (bind || destination === "/") return options.filter((option) => flags.has(option));
  return [type, ...options.filter((option) => !indifferent.test(option))];
}

function only(words: readonly string[], others: readonly string[], name: string): readonly string[] {
  const alone = words.filter((word) => !others.includes(word));
  return alone.length === 0 ? [] : [`${alone.join(", ")} only with ${name}`];
}

function text(fact: Fact): string {
  return typeof fact === "string" ? fact : fact.join(", ");
}
