import type { EngineInfo } from "../engine.ts";

/** A known way out of a container, or to the host's files, by what has it. */
export interface Advisory {
  readonly id: string;
  readonly component: "podman" | "containerd" | "runc" | "crun";
  /** The first release without it of each line that has one, the lowest first; a line without one keeps it. */
  readonly fixed: readonly string[];
  /** What could happen, in a few words. */
  readonly summary: string;
}

/** An advisory that holds for an engine that is here. */
export interface EngineAdvisory extends Advisory {
  /** What is here of the component, as it tells itself. */
  readonly version: string;
}

// What Lading itself never asks for (builds, CRI, docker's `cp`) is not here.
const advisories: readonly Advisory[] = [
  {
    id: "CVE-2019-5736",
    component: "runc",
    fixed: ["1.0.0-rc7"],
    summary: "a program in a container can overwrite runc",
  },
  {
    id: "CVE-2021-30465",
    component: "runc",
    fixed: ["1.0.0-rc95"],
    summary: "containers that share a volume can have the host mounted in it",
  },
  {
    id: "CVE-2023-28642",
    component: "runc",
    fixed: ["1.1.5"],
    summary: "an image whose /proc is a symlink gets around AppArmor",
  },
  {
    id: "CVE-2024-21626",
    component: "runc",
    fixed: ["1.1.12"],
    summary: "a working directory below /proc/self/fd is a door to the host's files",
  },
  {
    id: "CVE-2024-45310",
    component: "runc",
    fixed: ["1.1.14", "1.2.0-rc.3"],
    summary: "containers that share a volume can have empty files made on the host",
  },
  {
    id: "CVE-2025-31133",
    component: "runc",
    fixed: ["1.2.8", "1.3.3", "1.4.0-rc.3"],
    summary: "who replaces /dev/null while a container starts can write to the host's /proc",
  },
  {
    id: "CVE-2025-52565",
    component: "runc",
    fixed: ["1.2.8", "1.3.3", "1.4.0-rc.3"],
    summary: "who replaces /dev/console while a container starts can write to the host's /proc",
  },
  {
    id: "CVE-2025-52881",
    component: "runc",
    fixed: ["1.2.8", "1.3.3", "1.4.0-rc.3"],
    summary: "containers that share a volume can turn what runc writes to /proc elsewhere",
  },
  {
    id: "CVE-2026-41579",
    component: "runc",
    fixed: ["1.3.6", "1.4.3", "1.5.0-rc.3"],
    summary: "an image whose /dev is a symlink has files of the host deleted and links made there",
  },
  {
    id: "CVE-2019-18837",
    component: "crun",
    fixed: ["0.10.5"],
    summary: "an image with symlinks where runtimes mount reaches files of the host",
  },
  {
    id: "CVE-2024-9341",
    component: "podman",
    fixed: ["5.2.4"],
    summary: "on a host in FIPS mode an image with symlinks has folders of the host mounted",
  },
  {
    id: "CVE-2024-9676",
    component: "podman",
    fixed: ["5.2.5"],
    summary: "an image whose /etc/passwd or /etc/group is a symlink has files of the host read",
  },
  {
    id: "CVE-2026-55686",
    component: "podman",
    fixed: ["5.7.1"],
    summary: "an image whose working directory leads through a symlink has folders made on the host",
  },
  {
    id: "CVE-2026-57231",
    component: "podman",
    fixed: ["5.8.4"],
    summary: "an image with variables without a value gets the host's",
  },
  {
    id: "CVE-2024-40635",
    component: "containerd",
    fixed: ["1.6.38", "1.7.27", "2.0.4"],
    summary: "an image with a user above 2147483647 runs as root",
  },
  {
    id: "CVE-2026-46680",
    component: "containerd",
    fixed: ["1.7.32", "2.0.9", "2.2.4", "2.3.1"],
    summary: "an image with a user that is a number, and a name in its /etc/passwd, runs as root",
  },
  {
    id: "CVE-2026-47262",
    component: "containerd",
    fixed: ["1.7.33", "2.0.10", "2.1.9", "2.2.5", "2.3.2"],
    summary: "an image with a huge /etc/passwd uses up the host's memory",
  },
  {
    id: "CVE-2026-53488",
    component: "containerd",
    fixed: ["1.7.33", "2.0.10", "2.1.9", "2.2.5", "2.3.2"],
    summary: "an image's labels have programs of the host run",
  },
];

/**
 * The advisories that hold for an engine and its runtime, going by the versions that they tell. Those
 * are of the releases: a distribution's package may have a mend and not say so.
 */
export function advisoriesFor({ name, version, runtime }: EngineInfo): readonly EngineAdvisory[] {
  const versions = new Map([
    [name, version],
    [runtime.name, runtime.version],
  ]);
  return advisories.flatMap((advisory) => {
    const found = versions.get(advisory.component);
    return found !== undefined && isAffected(found, advisory.fixed) ? [{ ...advisory, version: found }] : [];
  });
}

/** One line for people: what, where, since when not any more. */
export function formatAdvisory({ id, component, version, summary, fixed }: EngineAdvisory): string {
  return `${id}: with ${component} ${version} ${summary}; fixed in ${fixed.join(", ")}, and perhaps in your distribution's package of an older version`;
}

function isAffected(text: string, fixed: readonly string[]): boolean {
  const version = parseVersion(text);
  // Whoever tells no version cannot be judged by it.
  if (version === undefined) return false;
  const fixes = fixed.map(parseVersion).filter((each) => each !== undefined);
  const own = fixes.find(([major, minor]) => major === version[0] && minor === version[1]);
  const last = fixes.at(-1);
  return compare(version, own ?? last ?? version) < 0;
}

/** Major, minor, patch, and the number of a release candidate, which is Infinity for a release. */
type Version = readonly [number, number, number, number];

/** Of "1.1.5+ds1", "v2.0.4", "1.0.0~rc93". */
function parseVersion(text: string): Version | undefined {
  const found = /^v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-~.]?rc[-.]?(\d+))?/.exec(text);
  if (found === null) return undefined;
  const [, major, minor, patch = "0", candidate] = found;
  return [Number(major), Number(minor), Number(patch), candidate === undefined ? Infinity : Number(candidate)];
}

function compare(a: Version, b: Version): number {
  for (const [at, part] of a.entries()) {
    const other = b[at] ?? 0;
    if (part !== other) return part < other ? -1 : 1;
  }
  return 0;
}
