import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "@lading/testkit";
import type { ContainerPlan } from "../container-plan.ts";
import type { EngineInfo } from "../engine.ts";
import { readHost } from "../host/read-host.ts";
import type { ImageFacts } from "../image/image-facts.ts";
import { type PlanContext, planContainer } from "../plan-container.ts";
import type { RunSpec } from "../run-spec.ts";
import { type RuntimePlace, runtimeSpec } from "../runtime-spec.ts";

/*
 * What the tests of plans and specs share: a plan for a small image of busybox, and that plan run by a
 * real runtime. Needs root and a static busybox.
 */

const execute = promisify(execFile);

export const testFacts: ImageFacts = {
  architecture: "amd64",
  accounts: { passwd: "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n", group: "staff:x:50:app\n" },
  highestOwner: 1000,
  oddities: [],
  linkedAccounts: [],
  links: new Map(),
  hasWorkingDir: true,
  volumes: [],
  hugeAccounts: [],
};

export const testEngine: EngineInfo = {
  name: "runc",
  version: "1.3.6",
  runtime: { name: "runc", version: "1.3.6" },
  endpoint: "/usr/sbin/runc",
  rootless: false,
  limits: ["memory", "cpu", "cpuset", "pids"],
  networks: ["none", "bridge", "host"],
  userNamespaces: ["host", "auto", "mapped"],
  timeNamespaces: true,
};

/** A plan for this machine; without a network unless one is asked for. */
export function testPlan(spec: RunSpec, context: Partial<PlanContext> = {}): ContainerPlan {
  return planContainer(
    { network: "none", ...spec },
    { config: { Cmd: ["sh"] }, facts: testFacts, engine: testEngine, host: readHost(), ...context },
  );
}

const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
const program = (name: string): string | undefined =>
  [`/usr/sbin/${name}`, `/usr/bin/${name}`].find((path) => existsSync(path));
const runc = program("runc");
const crun = program("crun");
// crun refuses cgroup v1 beside a v2 with controllers: then it does not get to see the latter.
const hidden = ["unshare", "--mount", "sh", "-c", 'umount /sys/fs/cgroup/unified; exec "$@"', "sh"];

/** The runtimes that are here, as the beginning of a command line. */
export const runtimes: readonly (readonly [name: string, command: readonly string[]])[] = [
  ...(runc === undefined ? [] : [["runc", [runc]] as const]),
  ...(crun === undefined
    ? []
    : [["crun", readHost().hybridControllers === undefined ? [crun] : [...hidden, crun]] as const]),
];

/** Whether `runBundle` can work here. */
export const canRun = process.getuid?.() === 0 && busybox !== undefined && runtimes.length > 0;

export interface BundleResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BundleOptions {
  /** Default: the first of `runtimes`. */
  readonly runtime?: readonly string[] | undefined;
  readonly place?: Partial<RuntimePlace> | undefined;
  /** Standard output is bytes, a character each. */
  readonly binary?: boolean | undefined;
  /** Changes the image's files before they are used. */
  readonly prepare?: (root: string) => void;
}

/** Runs a plan in a bundle with busybox, and gives back what its program wrote. */
export async function runBundle(
  plan: ContainerPlan,
  { runtime = runtimes[0]?.[1] ?? [], place = {}, prepare, binary = false }: BundleOptions = {},
): Promise<BundleResult> {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  chmodSync(folder.path, 0o711);
  for (const name of ["", "bin", "etc", "home", "root", "tmp", "run"])
    mkdirSync(join(at("rootfs"), name), { recursive: true });
  copyFileSync(busybox ?? "", at("rootfs/bin/busybox"));
  for (const name of "sh cat id ls mount echo hostname touch stat grep ps readlink mkdir dd df sleep chroot umount sysctl".split(
    " ",
  ))
    symlinkSync("busybox", join(at("rootfs/bin"), name));
  prepare?.(at("rootfs"));
  const { user } = plan.namespaces;
  const maps = place.idMaps ?? (typeof user === "object" ? user : undefined);
  if (maps !== undefined)
    await execute("chown", ["-hR", `${maps.uidMap[0]?.hostId}:${maps.gidMap[0]?.hostId}`, at("rootfs")]);
  const id = `lading-spec-${randomBytes(6).toString("hex")}`;
  const spec = runtimeSpec(plan, {
    root: at("rootfs"),
    cgroupsPath: `/${id}`,
    files: {},
    joined: {},
    hostname: "box",
    ...place,
  });
  writeFileSync(at("config.json"), JSON.stringify(spec));
  try {
    const [file, ...args] = [...runtime, "--root", at("state"), "run", "--bundle", folder.path, id];
    const result = await execute(file, args, { timeout: 20_000, encoding: binary ? "latin1" : "utf8" });
    return { code: 0, ...result };
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "number")
      return {
        code: error.code,
        stdout: "stdout" in error ? String(error.stdout) : "",
        stderr: "stderr" in error ? String(error.stderr) : "",
      };
    throw error;
  }
}

export interface ScriptOptions extends BundleOptions {
  readonly context?: Partial<PlanContext> | undefined;
}

/** What a shell script in the container writes, without white space around it. Throws what it wrote on standard error when it fails. */
export async function runScript(script: string, spec: RunSpec = {}, options: ScriptOptions = {}): Promise<string> {
  const plan = testPlan({ ...spec, command: ["sh", "-c", script] }, options.context);
  const { code, stdout, stderr } = await runBundle(plan, options);
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}${stdout}`);
  return stdout.trim();
}
