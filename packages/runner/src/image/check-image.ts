import type { ContainerConfig } from "@lading/oci";
import type { EngineInfo } from "../engine.ts";
import { advisoriesFor, formatAdvisory } from "../security/advisories.ts";
import { checkConfig } from "./check-config.ts";
import type { ImageFacts, Oddity } from "./image-facts.ts";
import { cleanPath, isWithin, resolvePath } from "./paths.ts";
import { unsafeImage } from "./unsafe-image.ts";

/**
 * Refuses what has made engines and runtimes reach outside a container; to be asked before an engine
 * hears of the image. With an `engine`, also what only its version would fall for. What it gives back
 * is for people: flaws of the engine that the image comes close to. Throws RunnerError UNSAFE_IMAGE,
 * and USER for a user that is out of range.
 */
export function checkImage(facts: ImageFacts, config: ContainerConfig, engine?: EngineInfo): readonly string[] {
  checkTree(facts, engine);
  checkAccounts(facts);
  checkWorkingDir(config.WorkingDir ?? "/", facts);
  const notes = checkConfig(config);
  return [...notes, ...nullNotes(facts, engine)];
}

function checkTree({ oddities, linkedAccounts }: ImageFacts, engine: EngineInfo | undefined): void {
  for (const oddity of oddities) {
    if (oddity.path === nullDevice) continue;
    const expected = oddity.path.startsWith("/etc/") ? "a file" : "a directory";
    // A runtime that follows it makes its devices on the host.
    const flaw = oddity.path === "/dev" ? known("CVE-2026-41579", engine) : "";
    throw unsafeImage(`${oddity.path} is ${describe(oddity)}, not ${expected}${flaw}`);
  }
  const [linked] = linkedAccounts;
  if (linked !== undefined && has("CVE-2024-9676", engine))
    throw unsafeImage(`${linked} is a symlink${known("CVE-2024-9676", engine)}`);
}

/** Both files are read by engines, too. */
function checkAccounts({ accounts, hugeAccounts }: ImageFacts): void {
  for (const path of hugeAccounts) throw unsafeImage(`its ${path} is too large to be one (CVE-2026-47262)`);
  for (const [path, text] of [
    ["/etc/passwd", accounts.passwd],
    ["/etc/group", accounts.group],
  ] as const)
    for (const line of text.split("\n")) {
      const [name = "", , id] = line.split(":");
      // A number that is looked for among names as well may turn out to be root (CVE-2026-46680).
      if (/^\d+$/.test(name) && id !== undefined && id !== name)
        throw unsafeImage(`its ${path} has the name "${name}" for the id "${id.slice(0, 20)}"`);
    }
}

/**
 * Where the image's own working directory leads. An engine that creates it may follow links of its
 * own accord, on the host.
 */
function checkWorkingDir(path: string, { links, hasWorkingDir }: ImageFacts): void {
  const end = workingDir(path, links);
  for (const folder of ["/sys", "/dev"])
    if (isWithin(end, folder)) throw unsafeImage(`its working directory "${path}" is below ${folder}`);
  if (end !== cleanPath(path) && !hasWorkingDir)
    throw unsafeImage(
      `its working directory "${path}" leads through a symlink to "${end}", which it does not have (CVE-2026-55686)`,
    );
}

/**
 * Where a working directory leads in an image with these links, clean and without any. Below /proc it
 * may be a door to the host. Throws RunnerError UNSAFE_IMAGE.
 */
export function workingDir(path: string, links: ReadonlyMap<string, string>): string {
  if (path.includes("\0")) throw unsafeImage("its working directory holds a NUL");
  const end = resolvePath(cleanPath(path), links);
  if (isWithin(end, "/proc")) throw unsafeImage(`its working directory "${path}" is below /proc (CVE-2024-21626)`);
  return end;
}

const nullDevice = "/dev/null";

/** Hidden under the container's own /dev, but a sign of somebody who tries. */
function nullNotes({ oddities }: ImageFacts, engine: EngineInfo | undefined): readonly string[] {
  const oddity = oddities.find(({ path }) => path === nullDevice);
  if (oddity === undefined || engine === undefined) return [];
  return advisoriesFor(engine)
    .filter(({ id }) => ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"].includes(id))
    .map((advisory) => `${nullDevice} of the image is ${describe(oddity)}. ${formatAdvisory(advisory)}`);
}

function has(id: string, engine: EngineInfo | undefined): boolean {
  return engine !== undefined && advisoriesFor(engine).some((advisory) => advisory.id === id);
}

/** The flaw that an image aims at, and whether the engine has it: in brackets, to end a sentence with. */
function known(id: string, engine: EngineInfo | undefined): string {
  const advisory = engine === undefined ? undefined : advisoriesFor(engine).find((each) => each.id === id);
  if (advisory === undefined) return ` (${id})`;
  const { component, version, fixed } = advisory;
  return ` (${id}: ${component} ${version} falls for it, ${fixed.join(", ")} and later do not)`;
}

function describe({ type, target }: Oddity): string {
  if (type === "symlink") return `a symlink to "${target}"`;
  return type === "dangling" ? `a symlink to "${target}", which the image does not have` : `a ${type}`;
}
