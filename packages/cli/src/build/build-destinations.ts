import type { BuildSpec } from "@lading/builder";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  defaultDestination,
  type Destination,
  destinationsOf,
  type LoadableName,
  engineDestination,
  parseDestination,
} from "../destination.ts";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage.ts";

/** The engines that images are given to. */
export const loadable: readonly LoadableName[] = ["podman", "containerd", "docker", "runc"];
/** Where the image goes: what flags say, else the description, else an archive in this folder. */
export async function chooseDestinations(
  flags: Flags,
  spec: BuildSpec,
  names: readonly string[],
  context: string,
): Promise<readonly Destination[]> {
  const push = flags.on("push");
  if (push && names.length === 0)
    throw new UsageError("Cannot push an image without a name", {
      hint: "Name it with --tag ghcr.io/acme/app:1, or with `name` in the description",
    });
  const engines = loadable.filter((engine) => flags.list("load").includes(engine));
  const isGiven = flags.list("output").length > 0 || push || engines.length > 0;
  const outputs = isGiven ? flags.list("output") : (spec.outputs ?? []);
  const given = [
    ...(await Promise.all(outputs.map(parseDestination))),
    ...(push ? destinationsOf(names) : []),
    ...engines.map(engineDestination),
  ];
  const chosen = given.length > 0 ? given : [defaultDestination(names, context)];
  const remote = chosen.find(({ kind }) => kind === "registry");
  if (remote !== undefined && flags.on("offline"))
    throw new UsageError(`Cannot write to ${remote.shown} with --offline: it is in a registry`);
  return chosen;
}

/** The path that a destination takes in the file system. */
export function pathOf(destination: Destination): readonly string[] {
  return destination.kind === "file" && !destination.stdout ? [destination.place.path] : [];
}

export const reportFlags = ["metadata-file", "iidfile", "digest-file"] as const;

/** One file cannot hold two things: the second would take the place of the first. */
export async function checkDistinct(destinations: readonly Destination[], reports: readonly string[]): Promise<void> {
  const files = destinations.filter((one) => one.kind === "file" && one.place.transport !== "oci");
  const taken = new Map<string, string>();
  for (const { path, shown } of [
    ...files.flatMap((one) => pathOf(one).map((path) => ({ path, shown: one.shown }))),
    ...reports.map((path) => ({ path, shown: path })),
  ]) {
    const other = taken.get(resolve(path));
    if (other !== undefined && !/^\/(?:dev|proc)\//.test(resolve(path)))
      throw new UsageError(`Cannot write both "${other}" and "${shown}": they are one file`);
    taken.set(resolve(path), shown);
  }
  for (const path of reports)
    if ((await stat(path).catch(() => undefined))?.isDirectory() === true)
      throw new UsageError(`Cannot write "${path}": it is a folder`);
}
