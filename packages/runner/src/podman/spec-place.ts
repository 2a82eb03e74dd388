import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "@lading/oci";
import type { ContainerPlan } from "../container-plan.ts";
import { RunnerError } from "../errors.ts";
import { mustBeNamespace } from "../network/shared-namespaces.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import { type ContainerStore, newContainerId } from "../state/container-store.ts";
import { handOnIdMaps, idMapsOf, releaseIdMaps } from "../state/id-maps.ts";
import { replaceJson } from "../state/json-file.ts";
import { isAlive } from "../state/process-id.ts";
import type { Namespace, SpecPlace } from "./spec-generator.ts";

/*
 * What a plan leaves to whoever creates its container, for podman.
 */

/** Where a seccomp profile lies: podman reads it from a file, in docker's format, of which a runtime's is a part. */
export function seccompFile(root: string, profile: ContainerPlan["seccomp"]): string | undefined {
  if (profile === undefined) return undefined;
  const text = JSON.stringify(profile);
  const digest = createHash("sha256").update(text).digest("hex");
  const file = join(root, "podman", `seccomp-${digest}.json`);
  if (readText(file) !== text) {
    makeFolder(dirname(file), 0o700);
    replaceJson(file, profile);
  }
  return file;
}

/** undefined when it is not there. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * The namespaces that a plan takes from other containers: podman knows its own, of another engine's it
 * is told the file. Throws RunnerError NOT_FOUND, STATE for one that does not run, and SPEC for a path
 * that is no namespace.
 */
export async function joinedNamespaces(
  store: ContainerStore,
  { namespaces }: ContainerPlan,
): Promise<SpecPlace["joined"]> {
  const joined: { -readonly [K in keyof SpecPlace["joined"]]: Namespace } = {};
  for (const kind of ["network", "pid", "ipc", "uts"] as const) {
    const source = namespaces[kind];
    if (typeof source === "string") continue;
    if ("path" in source) {
      await mustBeNamespace(source.path, kind);
      continue;
    }
    const { id, engine } = store.find(source.container);
    const { process } = store.state(id);
    if (!isAlive(process))
      throw new RunnerError("STATE", `Cannot join the ${kind} namespace of "${source.container}": it does not run`);
    const path = `/proc/${process.pid}/ns/${kind === "network" ? "net" : kind}`;
    joined[kind] = engine === "podman" ? { nsmode: "container", value: id } : { nsmode: "path", value: path };
  }
  return joined;
}

/** Ids for one container; they are free again when it is disposed of, unless they were handed on. */
export interface TakenIds extends Disposable {
  readonly maps: IdMaps | undefined;
  /** To the container, which has an ID by now. */
  readonly handOn: (id: string) => void;
}

/**
 * Ids for a container that wants some of its own. Without root podman has a few and gives of these;
 * with root it would take those of the user "containers", which few machines have.
 */
export function takeIds(store: ContainerStore, plan: ContainerPlan, rootless: boolean): TakenIds {
  if (plan.namespaces.user !== "auto" || rootless)
    return { maps: undefined, handOn: () => undefined, [Symbol.dispose]: () => undefined };
  // Until podman has said the container's ID they belong to a folder that stands for it.
  const id = newContainerId();
  makeFolder(store.folder(id), 0o700);
  return {
    maps: idMapsOf(store, { id, plan }),
    handOn: (to) => handOnIdMaps(store, id, to),
    [Symbol.dispose]: () => {
      releaseIdMaps(store, id);
      rmSync(store.folder(id), { recursive: true, force: true });
    },
  };
}

/** podman would make a folder where a source is missing. Throws RunnerError SPEC. */
export async function checkSources({ mounts }: ContainerPlan): Promise<void> {
  for (const mount of mounts)
    if (mount.type === "bind")
      try {
        await stat(mount.source);
      } catch (cause) {
        throw new RunnerError("SPEC", `Cannot mount "${mount.source}": it is not there`, { cause });
      }
}
