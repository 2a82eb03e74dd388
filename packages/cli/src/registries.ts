import { CopyError, OciError, parsePlace, type Reference } from "@lading/oci";
import type {
  RegistryClient,
  RegistryClientOptions,
  Repository,
  WebFile,
  WebFileOptions,
} from "@lading/registry-client";
import type { Flags } from "./flags.ts";
import { needsNetwork, offlineError } from "./offline.ts";
import { createProgress, type ProgressEvent } from "./progress/progress.ts";
import type { Admission } from "./trust/admission.ts";

/**
 * The registries that one run of a command talks to. The client, with its connections, tokens and
 * pace, is loaded and opened when the first of them is needed, and serves all of them.
 */
export class Registries implements AsyncDisposable {
  readonly #open: (self: Registries) => Promise<RegistryClient>;
  #client: Promise<RegistryClient> | undefined;
  /** Is told what registries warn of, and when they have to be asked again. */
  onEvent: ((event: ProgressEvent) => void) | undefined;
  /** Decides on every image that is located, wherever it is; set by commands that have --policy. */
  admission: Admission | undefined;

  constructor(open: (self: Registries) => Promise<RegistryClient>) {
    this.#open = open;
  }

  /** As configuration and the credentials of the user have it. */
  static default(): Registries {
    return new Registries(async (self) => {
      const { RegistryClient } = await import("@lading/registry-client");
      return await RegistryClient.open(self.#events());
    });
  }

  /** As the flags of `registryOptions` say; `--username` is for the registry of `places`, when they have but one. */
  static from(flags: Flags, places: readonly string[]): Registries {
    const registries = new Registries(async (self) => {
      const { openClient } = await import("./registry-flags.ts");
      const [registry, ...others] = new Set(places.flatMap(registryOf));
      return await openClient(flags, {
        ...(registry === undefined || others.length > 0 ? {} : { registry }),
        ...self.#events(),
      });
    });
    // Until the work begins, and for commands whose work is one question, nothing is drawn.
    const mode = flags.text("progress") ?? "auto";
    const quiet = flags.on("quiet");
    const lines = createProgress(mode === "tty" || (mode === "auto" && !quiet) ? "plain" : mode, { quiet });
    registries.onEvent = (event) => lines.event(event);
    return registries;
  }

  /** For `--offline`: whatever asks for a registry fails, before a connection is opened. */
  static none(): Registries {
    return new Registries(() => Promise.reject(offlineError("ask a registry")));
  }

  /** The repository of a reference; its tag and digest do not matter. Throws RegistryError CONFIG, UsageError with --offline. */
  async repository(reference: Reference): Promise<Repository> {
    needsNetwork(`ask ${reference.registry} for ${reference.repository}`);
    this.#client ??= this.#open(this);
    return (await this.#client).repository(reference);
  }

  /** A file of the web; see `RegistryClient.file`. Throws RegistryError, UsageError with --offline. */
  async file(url: string, options: WebFileOptions): Promise<WebFile | undefined> {
    needsNetwork(`fetch "${url}"`);
    this.#client ??= this.#open(this);
    return await (await this.#client).file(url, options);
  }

  #events(): Required<Pick<RegistryClientOptions, "onWarning" | "onRetry">> {
    return {
      onWarning: (registry, text) => this.onEvent?.({ type: "warning", message: `${registry}: ${text}` }),
      onRetry: (registry, { error: { message }, ...retry }) =>
        this.onEvent?.({ type: "retry", registry, message, ...retry }),
    };
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

/** Says which place was read when its content is not what it should be: content is called by its digest alone. */
export async function naming<T>(place: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    if (!(cause instanceof OciError) || cause.message.includes(place)) throw cause;
    const { code, hint } = cause;
    throw new OciError(code, `Cannot use ${place}`, { cause, ...(hint === undefined ? {} : { hint }) });
  }
}

function isSinkError(error: Error): boolean {
  return error instanceof CopyError && error.side === "sink";
}

function registryOf(text: string): readonly string[] {
  const place = parsePlace(text);
  return place.transport === "registry" ? [place.reference.registry] : [];
}
