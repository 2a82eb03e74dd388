import type { ContainerConfig } from "@lading/oci";
import { RunnerError } from "./errors.ts";
import { checkWorkingDir } from "./image/check-image.ts";
import { type Accounts, type ResolvedUser, resolveUser } from "./image/user.ts";
import type { BindMount, RunSpec } from "./run-spec.ts";
import { changeCapabilities } from "./security/capabilities.ts";
import { type SecurityProfile, securityProfiles } from "./security/profile.ts";

/** What runs, with nothing left to an engine's defaults. */
export interface ContainerPlan {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workdir: string;
  readonly user: ResolvedUser;
  readonly hostname: string;
  readonly security: SecurityProfile;
  readonly network: "none" | "host";
  readonly tmpfs: readonly string[];
  readonly mounts: readonly BindMount[];
  readonly memory: number | undefined;
  readonly cpus: number | undefined;
  readonly pidsLimit: number;
  readonly terminal: boolean;
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const defaultPids = 2048;

/**
 * Puts together what the image says and what was asked for; reads nothing. Throws RunnerError SPEC,
 * USER and UNSAFE_IMAGE.
 */
export function planContainer(
  config: ContainerConfig,
  accounts: Accounts,
  spec: RunSpec,
  defaults: { readonly hostname: string },
): ContainerPlan {
  const entrypoint = spec.entrypoint ?? config.Entrypoint ?? [];
  const command = spec.command ?? (spec.entrypoint === undefined ? (config.Cmd ?? []) : []);
  const args = [...entrypoint, ...command];
  if (args.length === 0)
    throw new RunnerError("SPEC", "Cannot run the image: it has neither Entrypoint nor Cmd", {
      hint: "Name a command after the image",
    });
  const workdir =
    spec.workdir ?? (config.WorkingDir === undefined || config.WorkingDir === "" ? "/" : config.WorkingDir);
  if (!workdir.startsWith("/")) throw new RunnerError("SPEC", `Cannot run in "${workdir}": the path is not absolute`);
  checkWorkingDir(workdir);
  const user = resolveUser(spec.user ?? config.User ?? "", accounts);
  const profile = securityProfiles[spec.profile ?? "default"];
  for (const path of [...(spec.tmpfs ?? []), ...(spec.mounts ?? []).map(({ destination }) => destination)])
    if (!path.startsWith("/") || path.split("/").includes("..") || path === "/")
      throw new RunnerError("SPEC", `Cannot mount at "${path}": expected an absolute path below /, without ".."`);
  return {
    args,
    env: environment(config.Env ?? [], spec.env ?? [], user, spec.terminal ?? false),
    workdir,
    user,
    hostname: spec.hostname ?? defaults.hostname,
    security: {
      ...profile,
      capabilities: changeCapabilities(profile.capabilities, {
        ...(spec.capAdd === undefined ? {} : { add: spec.capAdd }),
        ...(spec.capDrop === undefined ? {} : { drop: spec.capDrop }),
      }),
      readonlyRoot: spec.readonlyRoot ?? profile.readonlyRoot,
    },
    network: spec.network ?? "none",
    tmpfs: spec.tmpfs ?? [],
    mounts: spec.mounts ?? [],
    memory: positive("memory", spec.memory),
    cpus: positive("cpus", spec.cpus),
    pidsLimit: positive("pidsLimit", spec.pidsLimit) ?? defaultPids,
    terminal: spec.terminal ?? false,
  };
}

/** The image's, then what was asked for, the last of a name winning; PATH, HOME and TERM where nobody named them. */
function environment(
  image: readonly string[],
  asked: readonly string[],
  user: ResolvedUser,
  terminal: boolean,
): readonly string[] {
  const home = user.home ?? (user.uid === 0 ? "/root" : "/");
  const given = [`PATH=${defaultPath}`, `HOME=${home}`, ...(terminal ? ["TERM=xterm"] : []), ...image, ...asked];
  const byName = new Map<string, string>();
  for (const entry of given) {
    const equals = entry.indexOf("=");
    if (equals < 1) throw new RunnerError("SPEC", `Cannot set "${entry}": expected NAME=value`);
    byName.set(entry.slice(0, equals), entry);
  }
  return [...byName.values()];
}

function positive(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return value;
  throw new RunnerError("SPEC", `Cannot use ${name} ${value}: expected a number above 0`);
}
