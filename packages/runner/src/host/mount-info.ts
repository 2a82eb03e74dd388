import { decodeBytestring } from "@lading/oci";

/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  /** What of its file system is mounted here, as a path in it; "/" is all. */
  readonly root: string;
  /** As the process sees it. */
  readonly destination: string;
  /** Of this mount alone: `ro`, `nosuid`. */
  readonly options: readonly string[];
  /** How it takes part in the propagation of mounts: `shared:1`, `master:2`; nothing is private. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Of the file system, wherever it is mounted. */
  readonly superOptions: readonly string[];
}

/** The mounts in the order of the file; lines that are none are left out. */
export function parseMountInfo(text: Uint8Array): readonly MountInfo[] {
  return decodeBytestring(text)
    .split("\n")
    .flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): MountInfo | undefined {
  const [mount, fileSystem] = line.split(" - ");
  const [id, parent, , root, destination, options, ...propagation] = (mount ?? "").split(" ");
  const [type, source, superOptions] = (fileSystem ?? "").split(" ");
  if (root === undefined || destination === undefined || options === undefined || type === undefined) return undefined;
  return {
    id: Number(id),
    parent: Number(parent),
    root: unescape(root),
    destination: unescape(destination),
    options: options.split(","),
    propagation,
    type,
    source: unescape(source ?? ""),
    superOptions: (superOptions ?? "").split(","),
  };
}

/** Spaces, tabs, line ends and backslashes are there as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The mounts that paths lead to: those that no other one lies over. */
export function visibleMounts(mounts: readonly MountInfo[]): readonly MountInfo[] {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const isOn = (mount: MountInfo, other: MountInfo): boolean => {
    for (
      let at: MountInfo | undefined = mount;
      at !== undefined;
      at = at.parent === at.id ? undefined : byId.get(at.parent)
    )
      if (at === other) return true;
    return false;
  };
  return mounts.filter((mount) =>
    mounts.every((other) => !isWithin(mount.destination, other.destination) || isOn(mount, other)),
  );
}

/** Whether a path is another or below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
