import { initPath, type PlannedMount } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import type { ImageFacts } from "../image/image-facts.ts";
import { cleanPath, isWithin, resolvePath } from "../image/paths.ts";
import type { MountRequest, RunSpec } from "../run-spec.ts";
import { whole } from "./amounts.ts";

/**
 * What is mounted of the request, and of the image where its root is read-only. Destinations are where
 * they lead in the image: none can be another's by a symlink. Throws RunnerError SPEC, and
 * UNSAFE_IMAGE for symlinks that lead to what is the runtime's own.
 */
export function mountsOf(spec: RunSpec, facts: ImageFacts, imageVolumes: readonly string[]): readonly PlannedMount[] {
  const planned = (spec.mounts ?? []).map((mount) => planMount(mount, facts));
  const seen = new Set<string>();
  for (const { destination } of planned) {
    if (seen.has(destination)) throw new RunnerError("SPEC", `Cannot mount at "${destination}" twice`);
    seen.add(destination);
  }
  if (spec.init === true && seen.has(initPath))
    throw new RunnerError("SPEC", `Cannot mount at "${initPath}": the container's init is there`);
  // With nothing else to write to, an image's volumes are where its program expects that it can. A path that
  // climbs out of the root is one inside it (CVE-2022-23648).
  const volumes = new Set(imageVolumes.map((path) => resolvePath(cleanPath(path), facts.links)));
  const unmounted = [...volumes].filter((path) => path !== "/" && !isReserved(path) && !seen.has(path));
  return [...planned, ...unmounted.map((path) => volumeInMemory(path, facts))].toSorted((a, b) =>
    a.destination < b.destination ? -1 : 1,
  );
}

/** With what the image has there, as it is there. */
function volumeInMemory(destination: string, { volumes }: ImageFacts): PlannedMount {
  const { mode, uid, gid } = volumes.find(({ path }) => path === destination) ?? { mode: 0o755, uid: 0, gid: 0 };
  const options = ["nosuid", "nodev", "exec", `uid=${uid}`, `gid=${gid}`, "tmpcopyup"];
  return { type: "tmpfs", destination, size: undefined, mode, options };
}

function planMount(mount: MountRequest, facts: ImageFacts): PlannedMount {
  const destination = mountPoint(mount.destination, facts);
  if (mount.type === "tmpfs") {
    const mode = whole("tmpfs mode", mount.mode, 0) ?? 0o1777;
    if (mode > 0o7777) throw new RunnerError("SPEC", `Cannot use tmpfs mode 0${mode.toString(8)}: expected 0 to 07777`);
    const size = whole("tmpfs size", mount.size);
    return { type: "tmpfs", destination, size, mode, options: tmpfsOptions(mount.options ?? []) };
  }
  const readonly = mount.readonly ?? false;
  if (mount.type === "volume") {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(mount.name))
      throw new RunnerError("SPEC", `Cannot use volume "${mount.name}": expected letters, digits, _, . and -`);
    return { type: "volume", name: mount.name, destination, readonly };
  }
  const { source, propagation = "rprivate" } = mount;
  if (!source.startsWith("/") || source.includes("\0"))
    throw new RunnerError("SPEC", `Cannot mount ${JSON.stringify(source)}: expected an absolute path`);
  return { type: "bind", source, destination, readonly, propagation };
}

const tmpfsOption =
  /^(?:(?:no)?(?:exec|suid|dev|atime|diratime)|ro|rw|sync|async|(?:no)?tmpcopyup|(?:rel|strict)atime|size=\d{1,3}%|(?:uid|gid)=\d+|nr_(?:inodes|blocks)=\d+[kmgKMG]?|huge=[a-z_]+)$/;

/** What was asked for, and nosuid, nodev and noexec unless that says otherwise. */
function tmpfsOptions(asked: readonly string[]): readonly string[] {
  for (const option of asked)
    if (!tmpfsOption.test(option))
      throw new RunnerError("SPEC", `Cannot mount a tmpfs with "${option}": it takes no such option`);
  const usual = ["suid", "dev", "exec"].filter((name) => !asked.includes(name)).map((name) => `no${name}`);
  return [...new Set([...usual, ...asked])].filter((option) => !asked.includes(`no${option}`));
}

function mountPoint(path: string, { links }: ImageFacts): string {
  if (!path.startsWith("/") || path.includes("\0") || path.split("/").includes(".."))
    throw new RunnerError("SPEC", `Cannot mount at ${JSON.stringify(path)}: expected an absolute path without ".."`);
  const clean = cleanPath(path);
  if (clean === "/" || isReserved(clean))
    throw new RunnerError("SPEC", `Cannot mount at "${path}": /, /dev, /proc and /sys are the runtime's own`);
  const end = resolvePath(clean, links);
  if (end === "/" || isReserved(end))
    throw new RunnerError("UNSAFE_IMAGE", `Cannot mount at "${path}": a symlink of the image leads from it to ${end}`);
  return end;
}

/** Where a runtime mounts its own, which must not be covered. */
function isReserved(path: string): boolean {
  return path === "/dev" || isWithin(path, "/dev/pts") || isWithin(path, "/proc") || isWithin(path, "/sys");
}
