import { existsSync } from "node:fs";
import type { ContainerPlan } from "../container-plan.ts";
import type { EngineInfo } from "../engine.ts";
import { RunnerError } from "../errors.ts";

/** Throws RunnerError SPEC for a source that is not there, and UNSUPPORTED for what a plan asks and a runtime without a daemon cannot give. */
export function refuseUnsupported(
  { namespaces, mounts }: ContainerPlan,
  { runtime, userNamespaces, timeNamespaces }: EngineInfo,
): void {
  const { user, time } = namespaces;
  if (user === "keep-id" || !userNamespaces.includes(typeof user === "string" ? user : "mapped"))
    throw new RunnerError("UNSUPPORTED", `Cannot make a user namespace as asked with ${runtime.name}`);
  if (time === "private" && !timeNamespaces)
    throw new RunnerError("UNSUPPORTED", `Cannot make a time namespace with ${runtime.name} ${runtime.version}`);
  for (const mount of mounts)
    if (mount.type === "bind" && !existsSync(mount.source))
      throw new RunnerError("SPEC", `Cannot mount "${mount.source}": it is not there`);
  // The mount namespace in which the container's files are mounted gets what the host mounts, and gives nothing back.
  const shared = mounts.find((mount) => mount.type === "bind" && /^r?shared$/.test(mount.propagation));
  if (shared !== undefined)
    throw new RunnerError(
      "UNSUPPORTED",
      `Cannot give the host what is mounted below "${shared.destination}" in the container: runc's mounts are its own`,
      { hint: "Use rslave propagation, which passes on what the host mounts, or another engine" },
    );
}
