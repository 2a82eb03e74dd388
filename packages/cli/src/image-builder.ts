import type { BuildEvent, BuildSpecInput } from "@lading/builder";
import type { BuiltImage } from "./built-image.ts";

type LayerInput = NonNullable<BuildSpecInput["layers"]>[number];
/** One thing that a layer adds, as in lading.yaml: a source, literal content, a symlink, an empty folder. */
export type AddInput = NonNullable<LayerInput["add"]>[number];
/** What applies to a whole layer: mode, dirMode, owner, mtime, exclude, platform, remove. */
export type LayerOptions = Omit<LayerInput, "name" | "add">;

export interface BuildOptions {
  /** `os/arch[/variant]`. Default: those of the description, else the base's, else the host's. */
  readonly platforms?: readonly string[];
  /** Folder that sources are relative to and may not leave. Default: the working directory. */
  readonly context?: string;
  /** Default: LADING_CACHE_DIR, else $XDG_CACHE_HOME/lading. */
  readonly cacheDir?: string;
  /** Seconds since 1970. Default: the environment's SOURCE_DATE_EPOCH. */
  readonly sourceDateEpoch?: number;
  /** Pack every layer again. Default: false. */
  readonly noCache?: boolean;
  /** Use what the cache has of a base in a registry, and ask no registry. Default: false. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: BuildEvent) => void;
}

/**
 * A description of an image. Immutable: every method returns a new one, so a common part can be
 * kept and built upon. Nothing is read or checked before `build`.
 */
export class ImageBuilder {
  /** The description so far, in the form of lading.yaml. */
  readonly spec: Readonly<BuildSpecInput>;

  /** Takes over a description; `from` and `scratch` are the usual start. */
  constructor(spec: Readonly<BuildSpecInput>) {
    this.spec = spec;
  }

  /** What the image is called: a reference, with or without tag. */
  name(reference: string): ImageBuilder {
    return this.#with({ name: reference });
  }

  /** More references, or bare tags of the name. */
  tag(...tags: string[]): ImageBuilder {
    return this.#with({ tags: [...[this.spec.tags ?? []].flat(), ...tags] });
  }

  /**
   * Puts a layer on top. `add` maps sources to destinations (a folder's contents go into its
   * destination, a destination ending in "/" is a folder), or lists entries as in lading.yaml.
   */
  layer(
    name: string,
    add: Readonly<Record<string, string>> | readonly AddInput[],
    options: LayerOptions = {},
  ): ImageBuilder {
    const entries = Array.isArray(add) ? [...add] : Object.entries(add).map(([src, dest]) => ({ src, dest }));
    return this.#with({ layers: [...(this.spec.layers ?? []), { ...options, name, add: entries }] });
  }

  /** What is always run: arguments, or a string that is split as a shell would. Drops the base's command. */
  entrypoint(command: string | readonly string[]): ImageBuilder {
    return this.#with({ entrypoint: typeof command === "string" ? command : [...command] });
  }

  /** Arguments that whoever runs the image may replace. */
  cmd(command: string | readonly string[]): ImageBuilder {
    return this.#with({ cmd: typeof command === "string" ? command : [...command] });
  }

  /** Adds environment variables; `$NAME` stands for the base's value. */
  env(variables: Readonly<Record<string, string | number | boolean>>): ImageBuilder {
    return this.#with({ env: { ...this.spec.env, ...variables } });
  }

  /** Adds labels to the config. */
  label(labels: Readonly<Record<string, string | number | boolean>>): ImageBuilder {
    return this.#with({ labels: { ...this.spec.labels, ...labels } });
  }

  /** Adds annotations to every manifest and to the index. */
  annotation(annotations: Readonly<Record<string, string | number | boolean>>): ImageBuilder {
    return this.#with({ annotations: { ...this.spec.annotations, ...annotations } });
  }

  user(user: string | number): ImageBuilder {
    return this.#with({ user });
  }

  workdir(path: string): ImageBuilder {
    return this.#with({ workdir: path });
  }

  /** Adds ports: 8080, "53/udp", "8000-8010". */
  expose(...ports: (string | number)[]): ImageBuilder {
    return this.#with({ expose: [...(this.spec.expose ?? []), ...ports] });
  }

  /** Adds paths that are kept outside the container. */
  volume(...paths: string[]): ImageBuilder {
    return this.#with({ volumes: [...[this.spec.volumes ?? []].flat(), ...paths] });
  }

  stopSignal(signal: string | number): ImageBuilder {
    return this.#with({ stopSignal: signal });
  }

  /** "none" switches the base's off. */
  healthcheck(check: NonNullable<BuildSpecInput["healthcheck"]>): ImageBuilder {
    return this.#with({ healthcheck: check });
  }

  /** `gzip`, `zstd` or `none`, with an optional `:level`. */
  compression(compression: string): ImageBuilder {
    return this.#with({ compression });
  }

  /** "now", seconds since 1970, RFC 3339 or a Date. Default: SOURCE_DATE_EPOCH, else 1970. */
  created(time: string | number | Date): ImageBuilder {
    return this.#with({ created: time instanceof Date ? time.toISOString() : time });
  }

  author(author: string): ImageBuilder {
    return this.#with({ author });
  }

  /** Files that look like secrets and are meant to be shipped, as patterns. */
  allowSecrets(...patterns: string[]): ImageBuilder {
    return this.#with({ allowSecrets: [...[this.spec.allowSecrets ?? []].flat(), ...patterns] });
  }

  /**
   * Builds it. Layers end up in the cache; nothing is written elsewhere before `save`. Throws
   * BuildError for what is wrong with files and base, ConfigError for the description itself.
   */
  async build(options: BuildOptions = {}): Promise<BuiltImage> {
    // The engine is loaded when it is used: describing an image costs nothing.
    const { buildImage } = await import("./built-image.ts");
    return await buildImage(this.spec, options);
  }

  #with(change: Partial<BuildSpecInput>): ImageBuilder {
    return new ImageBuilder({ ...this.spec, ...change });
  }
}

/** Starts an image on a base: a reference ("node:24-slim"), or "oci:base:node", "oci-archive:base.tar", "docker-archive:base.tar". */
export function from(place: string): ImageBuilder {
  return new ImageBuilder({ from: place });
}

/** Starts an image from nothing. */
export function scratch(): ImageBuilder {
  return new ImageBuilder({ from: "scratch" });
}
