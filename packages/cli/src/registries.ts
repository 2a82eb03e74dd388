import { CopyError, parsePlace, type Reference } from "@lading/oci";
import type { RegistryClient, Repository } from "@lading/registry-client";
import type { Flags } from "./flags.ts";
import type { ProgressEvent } from "./progress/progress.ts";

/**
 * The registries that one run of a command talks to. The client, with its connections, tokens and
 * pace, is loaded and opened when the first of them is needed, and serves all of them.
 */
export class Registries implements AsyncDisposable {
  readonly #open: (self: Registries) => Promise<RegistryClient>;
  #client: Promise<RegistryClient> | undefined;
  /** Is told what registries warn of. */
  onEvent: ((event: ProgressEvent) => void) | undefined;

  constructor(open: (self: Registries) => Promise<RegistryClient>) {
    this.#open = open;
  }

  /** As configuration and the credentials of the user have it. */
  static default(): Registries {
    return new Registries(async (self) => {
      const { RegistryClient } = await import("@lading/registry-client");
      return await RegistryClient.open({ onWarning: (registry, text) => self.#warn(registry, text) });
    });
  }

  /** As the flags of `registryOptions` say; `--username` is for the registry of `places`, when they have but one. */
  static from(flags: Flags, places: readonly string[]): Registries {
    return new Registries(async (self) => {
      const { openClient } = await import("./registry-flags.ts");
      const [registry, ...others] = new Set(places.flatMap(registryOf));
      return await openClient(flags, {
        ...(registry === undefined || others.length > 0 ? {} : { registry }),
        onWarning: (from, text) => self.#warn(from, text),
      });
    });
  }

  /** For `--offline`: whatever asks for a registry fails, before a connection is opened. */
  static none(): Registries {
    return new Registries(() => Promise.reject(new Error("No registry is asked with --offline")));
  }

  /** The repository of a reference; its tag and digest do not matter. Throws RegistryError CONFIG. */
  async repository(reference: Reference): Promise<Repository> {
    this.#client ??= this.#open(this);
    return (await this.#client).repository(reference);
  }

  #warn(registry: string, text: string): void {
    this.onEvent?.({ type: "warning", message: `${registry}: ${text}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }
}

/** The digest of a reference, else its tag, else `latest`: what `Repository.resolve` takes. */
export function nameIn({ tag = "latest", digest }: Reference): string {
  return digest ?? tag;
}

/** `reference` without tag and digest. */
export function repositoryOf({ registry, repository }: Reference): Reference {
  return { registry, repository };
}

/** What failed, above how it failed: a registry's own errors speak of requests, and people of images. */
export async function attempting<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    // By name: the class is in what is loaded only when it is needed.
    const remote = cause instanceof Error && (cause.name === "RegistryError" || isSinkError(cause));
    // What is told as an attempt already needs no second one above it.
    throw remote && !cause.message.startsWith(what.split(" ", 2).join(" ")) ? new Error(what, { cause }) : cause;
  }
}

function isSinkError(error: Error): boolean {
  return error instanceof CopyError && error.side === "sink";
}

function registryOf(text: string): readonly string[] {
  const place = parsePlace(text);
  return place.transport === "registry" ? [place.reference.registry] : [];
}
