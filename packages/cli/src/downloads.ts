import { createHash } from "node:crypto";
import { readFile, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import {
  BuildError,
  type DockerfileRequest,
  type FetchedFile,
  LayerCache,
  shownUrl,
  withoutUserinfo,
} from "@lading/builder";
import { type Digest, isDigest, type Options } from "@lading/oci";
import * as z from "zod";
import { isOffline } from "./offline.ts";
import type { ProgressEvent } from "./progress/progress.ts";
import type { Registries } from "./registries.ts";
import { writeWholeFile } from "./whole-file.ts";

type Fetch = NonNullable<DockerfileRequest["fetch"]>;
type FetchOptions = Parameters<Fetch>[1];

export interface DownloadsOptions {
  readonly registries: Registries;
  readonly cacheDir: string;
  /** Asks for all of a file again, whatever the cache has. Default: false. */
  readonly noCache?: boolean | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

const recordSchema = z.strictObject({
  version: z.literal(1),
  /** As it is shown: what the record is named for is all of it, hashed. */
  url: z.string(),
  digest: z.custom<Digest>((value) => typeof value === "string" && isDigest(value)),
  size: z.int().min(0),
  etag: z.string().optional(),
  /** Seconds since 1970. */
  modified: z.int().optional(),
  /** When it was last asked for, in milliseconds since 1970. */
  at: z.number(),
});
type Download = z.output<typeof recordSchema>;

// Milliseconds: often enough for a bar that moves, seldom enough for a log of JSON lines.
const tellEvery = 100;

/**
 * What ADD fetches by URL. The content goes into the cache, by its digest, and of each URL is noted what it gave: the server
 * is asked whether that is still it, by its ETag, and sends it again only when not. What a checksum or a lock names and the
 * cache has, nobody is asked for; nor is anybody with --offline, where a URL is what it was last. Within one run of a
 * command a URL is one file, whoever fetches it.
 */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #known = new Map<string, Promise<FetchedFile>>();
  #cache: Promise<LayerCache> | undefined;
  #count = 0;

  constructor(options: DownloadsOptions) {
    this.#options = options;
  }

  /** Throws BuildError SOURCE_MISSING, or the signal's reason. */
  readonly fetch: Fetch = (url, options) => {
    const key = JSON.stringify([url, options.authorization, options.checksum]);
    let file = this.#known.get(key);
    if (file === undefined) this.#known.set(key, (file = this.#fetch(url, options)));
    return file;
  };

  async #fetch(url: string, { checksum, authorization, signal }: FetchOptions): Promise<FetchedFile> {
    const cache = await (this.#cache ??= LayerCache.open(this.#options.cacheDir));
    const place = placeOf(cache, url);
    const asksAgain = this.#options.noCache === true && !isOffline();
    const known = asksAgain ? undefined : await recall(cache, place, url);
    if (known !== undefined && known.digest === checksum) return fileOf(cache, known);
    // What the URL gave once, and may give no more.
    const named =
      asksAgain || checksum === undefined ? undefined : await recall(cache, placeOf(cache, url, checksum), url);
    if (named !== undefined && named.digest === checksum) return fileOf(cache, named);
    if (isOffline()) return fileOf(cache, this.#offline(cache, url, known));
    const download = await this.#download(cache, url, known, { authorization, signal });
    for (const record of [place, placeOf(cache, url, download.digest)])
      await writeWholeFile(record, JSON.stringify(download)).catch(() => undefined);
    return fileOf(cache, download);
  }

  async #download(
    cache: LayerCache,
    url: string,
    known: Download | undefined,
    { authorization, signal }: Pick<FetchOptions, "authorization"> & Options,
  ): Promise<Download> {
    const blob = cache.createBlob();
    try {
      const file = await this.#options.registries.file(url, { etag: known?.etag, authorization, signal });
      if (file === undefined && known !== undefined) return { ...known, at: Date.now() };
      if (file === undefined) throw new Error("it is said to be unchanged, and was never asked for");
      const hash = createHash("sha256");
      const begun = performance.now();
      let told = begun;
      const what = { id: `download ${(this.#count += 1)}`, url: shownUrl(url) };
      this.#tell({ type: "download-start", ...what, size: file.size });
      for await (const chunk of file.bytes) {
        hash.update(chunk);
        blob.write(chunk);
        if (performance.now() - told < tellEvery) continue;
        told = performance.now();
        this.#tell({ type: "download-progress", ...what, done: blob.size });
      }
      this.#tell({ type: "download-done", ...what, size: blob.size, ms: performance.now() - begun });
      const digest = `sha256:${hash.digest("hex")}` as const;
      cache.commitBlob(blob, digest);
      const { etag, lastModified: modified } = file;
      return { version: 1, url: shownUrl(url), digest, size: blob.size, etag, modified, at: Date.now() };
    } catch (cause) {
      signal?.throwIfAborted();
      if (!(cause instanceof Error) || cause.name !== "RegistryError") throw cause;
      const hint = "hint" in cause && typeof cause.hint === "string" ? { hint: cause.hint } : {};
      throw new BuildError(
        "SOURCE_MISSING",
        `Cannot fetch "${shownUrl(url)}": ${cause.message.replace(/^GET \S+: /, "")}`,
        {
          cause,
          ...hint,
        },
      );
    } finally {
      blob.discard();
    }
  }

  /** What a URL gave when it was last asked for. */
  #offline(cache: LayerCache, url: string, known: Download | undefined): Download {
    if (known === undefined)
      throw new BuildError(
        "SOURCE_MISSING",
        `Cannot fetch "${shownUrl(url)}" offline: it was never fetched with the cache "${cache.folder}"`,
        { hint: "Run the build once without --offline, or put the file into the context" },
      );
    const time = new Date(known.at).toISOString();
    this.#tell({ type: "note", message: `offline: ${shownUrl(url)} is taken for ${known.digest}, as of ${time}` });
    return known;
  }

  #tell(event: ProgressEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** Where it is noted what a URL gave last, or when it gave what has this digest. */
function placeOf(cache: LayerCache, url: string, digest = ""): string {
  const name = [withoutUserinfo(url), digest].join(" ").trim();
  return join(cache.folder, "downloads", createHash("sha256").update(name).digest("hex"));
}

function fileOf(cache: LayerCache, { digest, size, modified }: Download): FetchedFile {
  const blob = cache.layers.blob({ mediaType: "application/octet-stream", digest, size });
  return { digest, size, mtime: modified, path: cache.store.path(digest), open: (options) => blob.open(options) };
}

async function recall(cache: LayerCache, place: string, url: string): Promise<Download | undefined> {
  try {
    const record = recordSchema.parse(JSON.parse(await readFile(place, "utf8")), { jitless: true });
    const blob = await stat(cache.store.path(record.digest));
    if (record.url !== shownUrl(url) || blob.size !== record.size) return undefined;
    // It is used, for prune, also where the cache is read only.
    await utimes(cache.store.path(record.digest), new Date(), new Date()).catch(() => undefined);
    return record;
  } catch {
    // Damaged records are as good as none.
    return undefined;
  }
}
