import { readFileSync } from "node:fs";
import type { ContainerPlan } from "../container-plan.ts";
import type { IdMaps } from "../spec/namespaces.ts";
import type { ContainerRecord } from "../state/container-store.ts";
import type { Container } from "./gen/containers.ts";
import type { Any } from "./gen/google/protobuf/any.ts";
import { Options as RuncOptions } from "./gen/runc.ts";

const specType = "types.containerd.io/opencontainers/runtime-spec/1";

export interface ContainerObjectRequest {
  /** A runtime spec; nothing when it is not to be started yet. */
  readonly spec?: object | undefined;
  readonly snapshotter: string;
  /** The path of runc or crun. */
  readonly runtime: string;
  readonly idMaps: IdMaps | undefined;
}

/** What containerd is told of a container: it and its snapshot are named by its ID. */
export function containerObject(
  { id, name, image }: ContainerRecord,
  { spec = {}, snapshotter, runtime, idMaps }: ContainerObjectRequest,
): Container {
  return {
    id,
    labels: { "io.lading.name": name },
    image: image.name,
    runtime: { name: "io.containerd.runc.v2", options: runtimeOptions(runtime, idMaps) },
    spec: specAny("Spec", spec),
    snapshotter,
    snapshotKey: id,
  };
}

/** A part of a runtime spec, as JSON with its type. */
export function specAny(type: "Spec" | "Process", value: object): Any {
  return { typeUrl: `${specType}/${type}`, value: Buffer.from(JSON.stringify(value)) };
}

/** Programs have this process's score where nobody asked for one; else they would have that of containerd's shim. */
export function withOomScore(plan: ContainerPlan): ContainerPlan {
  const own = Number(readFileSync("/proc/self/oom_score_adj", "latin1"));
  return { ...plan, oomScoreAdj: plan.oomScoreAdj ?? own };
}

function runtimeOptions(runtime: string, idMaps: IdMaps | undefined): Any {
  // Pipes belong to root of the container, who could not open them again by /dev/stdout otherwise.
  const { uid: ioUid, gid: ioGid } = rootOf(idMaps);
  const options = { binaryName: runtime, ioUid, ioGid, systemdCgroup: false };
  return { typeUrl: "containerd.runc.v1.Options", value: RuncOptions.encode(options).finish() };
}

/** Who the root of a container is, in the host's numbers. */
export function rootOf(idMaps: IdMaps | undefined): { readonly uid: number; readonly gid: number } {
  return { uid: hostId(idMaps?.uidMap), gid: hostId(idMaps?.gidMap) };
}

function hostId(map: IdMaps["uidMap"] = []): number {
  return map.find(({ containerId }) => containerId === 0)?.hostId ?? 0;
}
