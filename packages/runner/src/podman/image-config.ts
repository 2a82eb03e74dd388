import { type ContainerConfig, type History, type ImageConfig, parseDigest } from "@lading/oci";
import type { ImageAnswer } from "./answers.ts";

/** An image's config as far as podman tells it: everything that a container is made from. */
export function imageConfig(image: ImageAnswer): ImageConfig {
  const { Created, Author, Architecture, Os, Variant, Config, RootFS, History } = image;
  return {
    architecture: Architecture,
    os: Os,
    ...present("variant", Variant),
    ...present("created", Created),
    ...present("author", Author),
    config: containerConfig(Config ?? {}),
    rootfs: { type: "layers", diff_ids: (RootFS?.Layers ?? []).map((layer) => parseDigest(layer)) },
    ...(History === null || History === undefined ? {} : { history: History.map(history) }),
  };
}

function containerConfig(config: NonNullable<ImageAnswer["Config"]>): ContainerConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal } = config;
  return {
    ...present("User", User),
    ...present("ExposedPorts", ExposedPorts),
    ...present("Env", Env),
    ...present("Entrypoint", Entrypoint),
    ...present("Cmd", Cmd),
    ...present("Volumes", Volumes),
    ...present("WorkingDir", WorkingDir),
    ...present("Labels", Labels),
    ...present("StopSignal", StopSignal),
  };
}

function history(entry: NonNullable<ImageAnswer["History"]>[number]): History {
  return {
    ...present("created", entry.created),
    ...present("created_by", entry.created_by),
    ...present("author", entry.author),
    ...present("comment", entry.comment),
    ...present("empty_layer", entry.empty_layer),
  };
}

/** A field, when it says anything: podman writes null and "" for what is not there. */
function present<K extends string, V>(key: K, value: V | null | undefined): { readonly [key in K]?: V } {
  const field: { [key in K]?: V } = {};
  if (value !== null && value !== undefined && value !== "") field[key] = value;
  return field;
}
