import type { Descriptor } from "./descriptor.ts";

/** What an image runs on (image-spec image-index.md §platform). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

/**
 * Parses `os/architecture[/variant]`; `os(version)/…` gives Windows' version. An operating system
 * or an architecture alone is completed from `host`. Common other names are understood: `x86_64`,
 * `aarch64`, `armhf`, `i386`… The result is normalised. Throws SyntaxError.
 */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.split("/");
  const [first = "", second, third] = parts;
  const match = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/.exec(first);
  const word = /^[A-Za-z0-9_.-]+$/;
  if (match === null || parts.length > 3 || !parts.slice(1).every((part) => word.test(part)))
    throw new SyntaxError(`Cannot parse platform ${JSON.stringify(text)}: expected os/architecture[/variant]`);

  const version = match[2] === undefined || match[2] === "" ? {} : { "os.version": match[2] };
  const name = match[1] ?? "";
  if (second !== undefined)
    return normalizePlatform({
      os: name,
      architecture: second,
      ...(third === undefined ? {} : { variant: third }),
      ...version,
    });

  const alone = normalizePlatform({ os: host.os, architecture: name, ...version });
  if (architectures.has(alone.architecture)) return alone;
  const asSystem = normalizePlatform({ ...host, os: name, ...version });
  if (systems.has(asSystem.os)) return asSystem;
  throw new SyntaxError(
    `Cannot parse platform ${JSON.stringify(text)}: neither an operating system nor an architecture`,
  );
}

/** `os/architecture[/variant]` of the normalised platform, with `(version)` where Windows needs it. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant, "os.version": version } = normalizePlatform(platform);
  const system = version === undefined || version === "" ? os : `${os}(${version})`;
  return variant === undefined ? `${system}/${architecture}` : `${system}/${architecture}/${variant}`;
}

/** One spelling of each platform, as containerd has it: amd64/v1 is amd64, arm64/v8 is arm64, arm is arm/v7. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const given = platform.architecture.toLowerCase();
  const alias = aliases.get(given);
  const architecture = alias?.architecture ?? given;
  const variant = normalizeVariant(architecture, platform.variant?.toLowerCase() || alias?.variant);
  const { "os.version": version, "os.features": features } = platform;
  return {
    os: os === "macos" ? "darwin" : os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined || version === "" ? {} : { "os.version": version }),
    ...(features === undefined || features.length === 0 ? {} : { "os.features": features }),
  };
}

/** The platform of containers on this machine. On macOS they run in a Linux virtual machine. */
export function hostPlatform(): Platform {
  const os = process.platform === "win32" ? "windows" : process.platform === "darwin" ? "linux" : process.platform;
  return normalizePlatform({ os, architecture: process.arch === "ia32" ? "386" : process.arch });
}

/** Whether both name the same platform. Windows versions are the same when their builds are. */
export function samePlatform(left: Platform, right: Platform): boolean {
  const a = normalizePlatform(left);
  const b = normalizePlatform(right);
  return (
    a.os === b.os &&
    a.architecture === b.architecture &&
    a.variant === b.variant &&
    windowsBuild(a) === windowsBuild(b) &&
    (a["os.features"] ?? []).toSorted().join() === (b["os.features"] ?? []).toSorted().join()
  );
}

/**
 * How well an image for `offered` serves one who wants `wanted`: 0 is exact, a higher number is
 * an older variant of the same architecture, undefined is not at all. Another architecture never
 * serves, even where processors could run it: an arm64 image with 32-bit programs surprises.
 */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  const want = normalizePlatform(wanted);
  const have = normalizePlatform(offered);
  if (want.os !== have.os || want.architecture !== have.architecture) return undefined;
  if (want["os.version"] !== undefined && windowsBuild(want) !== windowsBuild(have)) return undefined;
  const features = new Set(have["os.features"]);
  if (!(want["os.features"] ?? []).every((feature) => features.has(feature))) return undefined;
  if (want.variant === have.variant) return 0;

  const baseline = baselines.get(want.architecture);
  if (baseline === undefined) return undefined;
  const distance = variantNumber(want.variant ?? baseline) - variantNumber(have.variant ?? baseline);
  return distance >= 0 ? distance : undefined;
}

/**
 * The entry of an index that serves `wanted` best, the first of equals. Passes over attestations
 * and entries without platform.
 */
export function selectPlatform(manifests: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  let best: Descriptor | undefined;
  let bestDistance = Infinity;
  for (const entry of manifests) {
    if (entry.platform === undefined || isAttestation(entry)) continue;
    const distance = platformDistance(wanted, entry.platform);
    if (distance === undefined || distance > bestDistance) continue;
    // Of several Windows builds that serve alike, the newest revision.
    if (distance === bestDistance && !newerRevision(entry.platform, best?.platform)) continue;
    best = entry;
    bestDistance = distance;
  }
  return best;
}

/** Whether an index entry is BuildKit's provenance or SBOM and not an image to run. */
export function isAttestation({ platform, annotations }: Descriptor): boolean {
  return (
    annotations?.["vnd.docker.reference.type"] === "attestation-manifest" ||
    (platform?.os === "unknown" && platform.architecture === "unknown")
  );
}

const aliases: ReadonlyMap<string, { architecture: string; variant?: string }> = new Map([
  ["i386", { architecture: "386" }],
  ["x86_64", { architecture: "amd64" }],
  ["x86-64", { architecture: "amd64" }],
  ["x64", { architecture: "amd64" }],
  ["aarch64", { architecture: "arm64" }],
  ["armhf", { architecture: "arm", variant: "v7" }],
  ["armel", { architecture: "arm", variant: "v6" }],
]);

const architectures = new Set(
  "386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x wasm".split(" "),
);
const systems = new Set("aix android darwin freebsd illumos linux netbsd openbsd solaris wasip1 windows".split(" "));

// The variant an architecture has when none is written.
const baselines: ReadonlyMap<string, string> = new Map([
  ["amd64", "v1"],
  ["arm64", "v8"],
  ["arm", "v7"],
]);

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  const spelled =
    architecture.startsWith("arm") && variant !== undefined ? variant.replace(/^(?=[0-9])/, "v") : variant;
  if (architecture === "arm") return spelled ?? "v7";
  return spelled !== undefined && spelled === baselines.get(architecture) ? undefined : spelled;
}

function variantNumber(variant: string): number {
  return /^v[0-9]+(?:\.[0-9]+)?$/.test(variant) ? Number(variant.slice(1)) : NaN;
}

// "10.0.17763.2014": the first three numbers are the build, the last a patch that changes no interface.
function windowsBuild({ "os.version": version }: Platform): string | undefined {
  return version?.split(".").slice(0, 3).join(".");
}

function newerRevision(left: Platform, right: Platform | undefined): boolean {
  const revision = (platform: Platform | undefined): number => Number(platform?.["os.version"]?.split(".")[3] ?? 0);
  return revision(left) > revision(right);
}
