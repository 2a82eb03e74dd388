import type { ContainerConfig } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import { workingDir } from "../image/check-image.ts";
import type { ImageFacts } from "../image/image-facts.ts";
import { type Accounts, type ResolvedUser, resolveGroup, resolveUser } from "../image/user.ts";
import type { RunSpec } from "../run-spec.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the image says and what was asked for of the command, put together as docker and podman do. Throws RunnerError SPEC. */
export function argumentsOf(spec: RunSpec, config: ContainerConfig): readonly string[] {
  const entrypoint = spec.entrypoint ?? config.Entrypoint ?? [];
  const command = spec.command ?? (spec.entrypoint === undefined ? (config.Cmd ?? []) : []);
  const args = [...entrypoint, ...command];
  if (args.length === 0)
    throw new RunnerError("SPEC", "Cannot run the image: it has neither Entrypoint nor Cmd", {
      hint: "Name a command after the image",
    });
  const bad = args.find((arg) => arg.includes("\0"));
  if (bad !== undefined) throw new RunnerError("SPEC", `Cannot run ${JSON.stringify(bad)}: it holds a NUL`);
  return args;
}

/** Where it leads in the image: engines that create it follow links of their own accord (CVE-2026-55686). Throws RunnerError. */
export function workdirOf(spec: RunSpec, config: ContainerConfig, { links }: ImageFacts): string {
  const { workdir } = spec;
  if (workdir === undefined) return workingDir(config.WorkingDir ?? "/", links);
  if (!workdir.startsWith("/")) throw new RunnerError("SPEC", `Cannot run in "${workdir}": the path is not absolute`);
  return workingDir(workdir, links);
}

/** Throws RunnerError USER for whom the image does not have. */
export function userOf(spec: RunSpec, config: ContainerConfig, accounts: Accounts): ResolvedUser {
  const user = resolveUser(spec.user ?? config.User ?? "", accounts);
  const more = (spec.groups ?? []).map((group) => resolveGroup(group, accounts));
  return { ...user, additionalGids: [...new Set([...user.additionalGids, ...more])] };
}

/** The image's, then what was asked for, the last of a name winning; PATH, HOME and TERM where nobody named them. Throws RunnerError SPEC. */
export function environmentOf(spec: RunSpec, config: ContainerConfig, user: ResolvedUser): readonly string[] {
  const home = user.home ?? (user.uid === 0 ? "/root" : "/");
  const usual = [`PATH=${defaultPath}`, `HOME=${home}`, ...(spec.terminal === true ? ["TERM=xterm"] : [])];
  const byName = new Map<string, string>();
  for (const entry of [...usual, ...(config.Env ?? []), ...(spec.env ?? [])]) {
    const equals = entry.indexOf("=");
    if (equals < 1 || entry.includes("\0"))
      throw new RunnerError("SPEC", `Cannot set ${JSON.stringify(entry)}: expected NAME=value`);
    byName.set(entry.slice(0, equals), entry);
  }
  return [...byName.values()];
}
