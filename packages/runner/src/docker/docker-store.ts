import { type IncomingMessage, request } from "node:http";
import { text as readText } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import {
  type Bytes,
  type Descriptor,
  type Digest,
  formatReference,
  type Image,
  isDigest,
  type Layer,
  openImage,
  type Options,
  parseReference,
  type Platform,
  type Source,
  withDefaultTag,
} from "@lading/oci";
import * as z from "zod";
import { RunnerError } from "../errors.ts";
import { imageArchive } from "../podman/image-archive.ts";
import { type DockerEndpoint, dockerEndpoint } from "./docker-endpoint.ts";

export interface DockerOptions extends Options {
  /** Default: this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface DockerImportOptions extends Options {
  /** Full references that it gets; existing ones move. */
  readonly names: readonly string[];
  /** Which image of an index. Default: this machine's. */
  readonly platform?: Platform | undefined;
}

const imageAnswer = z.object({
  Id: z.string(),
  RepoTags: z.array(z.string()).nullish(),
  RootFS: z.object({ Layers: z.array(z.string()).nullish() }).nullish(),
});
type ImageAnswer = z.infer<typeof imageAnswer>;

// Of containerd's image store: ["driver-type", "io.containerd.snapshotter.v1"].
const infoAnswer = z.object({ DriverStatus: z.array(z.array(z.string())).nullish() });
const containerdStore = "io.containerd.snapshotter.v1";

/** The images of Docker's daemon, by its API. They are only given to it: nothing is run through it. */
export class DockerStore {
  readonly #endpoint: DockerEndpoint;

  private constructor(endpoint: DockerEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Throws RunnerError NO_ENGINE when no daemon answers where `dockerEndpoint` says. */
  static async open({ env, signal }: DockerOptions = {}): Promise<DockerStore> {
    const store = new DockerStore(dockerEndpoint(env));
    try {
      await readText(await store.#send("GET", "_ping", { signal }));
      return store;
    } catch (cause) {
      signal?.throwIfAborted();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new RunnerError("NO_ENGINE", `Cannot reach Docker at ${store.#endpoint.name}: ${why}`, {
        cause,
        hint: "Start its daemon, or name another with DOCKER_HOST",
      });
    }
  }

  /** The ID of the image that has a name; undefined when none has. */
  async find(name: string, options: Options = {}): Promise<Digest | undefined> {
    const id = (await this.#inspect(name, options))?.Id;
    return id !== undefined && isDigest(id) ? id : undefined;
  }

  /** Gives it an image. Layers that an image of one of the names has are not sent. Throws RunnerError ENGINE. */
  async import(source: Source, root: Descriptor, { names, platform, signal }: DockerImportOptions): Promise<void> {
    const image = await openImage(source, root, { platform, signal });
    const before = names[0] === undefined ? undefined : await this.#inspect(names[0], { signal });
    const there = before?.RootFS?.Layers ?? [];
    const known = image.layers.findIndex(({ diffId }, index) => diffId !== there[index]);
    const lacking = known === -1 ? [] : image.layers.slice(known);
    const isPart = lacking.length < image.layers.length && (await this.#takesParts({ signal }));
    if (!isPart) return await this.#load(source, image, image.layers, names, { signal });
    try {
      await this.#load(source, image, lacking, names, { signal });
    } catch (error) {
      // What it had may have been removed in between.
      if (!(error instanceof RunnerError)) throw error;
      await this.#load(source, image, image.layers, names, { signal });
    }
  }

  /** Whether layers that it has may be left out. containerd's image store takes such an archive without a word, and the image cannot run. */
  async #takesParts(options: Options): Promise<boolean> {
    const response = await this.#send("GET", "info", options);
    const said = await readText(response);
    if ((response.statusCode ?? 0) >= 400) return false;
    const { DriverStatus } = infoAnswer.parse(JSON.parse(said));
    return DriverStatus?.some(([, value]) => value === containerdStore) !== true;
  }

  async #load(
    source: Source,
    image: Image,
    layers: readonly Layer[],
    names: readonly string[],
    { signal }: Options,
  ): Promise<void> {
    const full = names.map((name) => formatReference(withDefaultTag(parseReference(name))));
    const response = await this.#send("POST", "images/load?quiet=1", {
      body: () => imageArchive(source, image, layers, { names: full, signal }),
      signal,
    });
    const said = await readText(response);
    const error = /"error":\s*("(?:[^"\\]|\\.)*")/.exec(said)?.[1];
    const failed =
      (response.statusCode ?? 0) >= 400 ? messageOf(said) : error ? String(JSON.parse(error)) : unpackError(said);
    if (failed !== undefined)
      throw new RunnerError("ENGINE", `Cannot load ${names[0] ?? image.descriptor.digest} into Docker: ${failed}`);
  }

  async #inspect(name: string, options: Options): Promise<ImageAnswer | undefined> {
    const response = await this.#send("GET", `images/${encodeURIComponent(name)}/json`, options);
    const said = await readText(response);
    if (response.statusCode === 404) return undefined;
    if ((response.statusCode ?? 0) >= 400)
      throw new RunnerError("ENGINE", `Cannot find image "${name}" in Docker: ${messageOf(said)}`);
    return imageAnswer.parse(JSON.parse(said));
  }

  async #send(
    method: "GET" | "POST",
    path: string,
    { body, signal }: Options & { readonly body?: () => Bytes },
  ): Promise<IncomingMessage> {
    const call = request({
      ...this.#endpoint.connect,
      method,
      path: `/${path}`,
      // The daemon's own version of the API: what is asked for here has been the same since the first.
      headers: { host: "docker", ...(body && { "content-type": "application/x-tar" }) },
      ...(signal && { signal }),
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      call.once("response", resolve).once("error", reject);
    });
    if (body === undefined) call.end();
    else {
      // An answer that comes before everything was sent tells more than the broken pipe.
      const sent = pipeline(body(), call);
      sent.catch(() => undefined);
      answer.catch(() => undefined);
      await Promise.race([sent, answer]);
    }
    return await answer;
  }
}

/** With containerd's image store, what could not be unpacked is no error of the answer, and a line of its stream. */
function unpackError(said: string): string | undefined {
  return /Error unpacking image (?:[^"\\]|\\.)*/.exec(said)?.[0].replace(/(?:\\[nr])+$/, "");
}

function messageOf(said: string): string {
  try {
    const value: unknown = JSON.parse(said);
    if (typeof value === "object" && value !== null && "message" in value) return String(value.message);
  } catch {
    // Not Docker's own: a proxy's.
  }
  return said.trim() === "" ? "it gave no reason" : said.trim().slice(0, 500);
}
