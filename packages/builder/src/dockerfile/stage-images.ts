import { formatPlatform, type Platform } from "@lading/oci";
import { type Base, type FoundBase, openBase } from "../base/base.ts";
import { BuildError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { BuildRequest, LocatedBase } from "../result.ts";
import type { DockerfileRequest } from "./dockerfile-request.ts";

/** The images that FROM and --from name, each opened once for a platform. */
export class StageImages {
  readonly #request: BuildRequest;
  readonly #dockerfile: DockerfileRequest;
  readonly #open = new Map<string, Promise<Base>>();

  constructor(request: BuildRequest, dockerfile: DockerfileRequest) {
    this.#request = request;
    this.#dockerfile = dockerfile;
  }

  /** The image of a place. Throws BuildError. */
  open(place: string, platform: Platform): Promise<Base> {
    const key = `${place}\0${formatPlatform(platform)}`;
    let image = this.#open.get(key);
    if (image === undefined) this.#open.set(key, (image = this.#openPlace(place, platform)));
    return image;
  }

  async #openPlace(place: string, platform: Platform): Promise<Base> {
    const { cacheDir, signal, onEvent } = this.#request;
    const found: FoundBase = { ...(await this.#located(place)), place };
    const base = await openBase(found, platform, cacheDir, { signal });
    const { descriptor } = base.image;
    onEvent?.({ type: "base", place, platform: formatPlatform(base.image.platform), digest: descriptor.digest });
    return base;
  }

  async #located(place: string): Promise<LocatedBase> {
    const { locate, signal } = this.#request;
    try {
      return await locate(place, { signal });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof BuildError || !(cause instanceof Error)) throw cause;
      const own = "hint" in cause && typeof cause.hint === "string" ? cause.hint : undefined;
      const names = this.#dockerfile.file.stages.flatMap(({ from }) => from.as?.text ?? []);
      const meant = nearest(place, names);
      const hint = names.includes(place)
        ? `Stage ${place} does not stand above: a stage begins with one that does`
        : meant === undefined
          ? own
          : `If stage ${meant} is meant, write ${meant}`;
      const why = causes(cause).join(": ");
      throw new BuildError("BASE", `Cannot use image "${place}": ${why}`, {
        cause,
        ...(hint === undefined ? {} : { hint }),
      });
    }
  }
}

/** What an error and those behind it say, each once. */
function causes(error: Error): readonly string[] {
  const more = error.cause instanceof Error ? causes(error.cause) : [];
  return [error.message, ...more.filter((message) => !error.message.includes(message))];
}
