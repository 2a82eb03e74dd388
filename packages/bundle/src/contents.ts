import { open } from "node:fs/promises";
import {
  type Digest,
  formatReference,
  isDigest,
  nameOf,
  OciError,
  type Options,
  parseJson,
  parseReference,
} from "@lading/oci";
import { z } from "zod";
import { Bundle } from "./bundle.ts";
import type { Collection } from "./collect.ts";

/** What a bundle holds, as far as another one has to know that builds on it. */
export interface BundleContents {
  /** Of its index.json. */
  readonly digest: Digest;
  /** What whoever loaded it has: its own blobs, and those of the bundles that it builds on. */
  readonly blobs: ReadonlySet<Digest>;
  /** Where a registry has them, but for its own host and prefix. */
  readonly repositories: readonly string[];
}

/** What whoever loads a bundle has then, what it had before counted in. `digest` is the written bundle's. */
export function contentsOf({ entries, blobs, since }: Collection, digest: Digest): BundleContents {
  const own = entries.flatMap((entry) => nameOf(entry) ?? []).map(repositoryOf);
  return {
    digest,
    blobs: new Set([...(since?.blobs ?? []), ...blobs.map(({ descriptor }) => descriptor.digest)]),
    repositories: [...new Set([...own, ...(since?.repositories ?? [])])],
  };
}

/** The contents as the text of a list file: what a site has, to be known where the next delta is made. */
export function formatContents({ digest, repositories, blobs }: BundleContents): string {
  const list = { digest, repositories, blobs: [...blobs].toSorted() };
  return `${JSON.stringify(list, undefined, 2)}\n`;
}

/** Reads a bundle, a list file, or what `lading bundle list --json` told of a bundle. Throws OciError. */
export async function readContents(file: string, options: Options = {}): Promise<BundleContents> {
  const list = await readList(file);
  if (list === undefined) return contentsOfBundle(await Bundle.open(file, options));
  const found = listSchema.safeParse(parseJson(list, { what: file, limit: listLimit }), { jitless: true });
  if (!found.success)
    throw new OciError(
      "INVALID_DOCUMENT",
      `Cannot read ${file} as the list of a bundle: ${found.error.issues[0]?.message}`,
      {
        hint: "Name a bundle, or what `lading bundle create --list` or `lading bundle list --json` wrote",
      },
    );
  const { digest, repositories, blobs } = found.data;
  return { digest, repositories, blobs: new Set(blobs) };
}

const listLimit = 64 * 1024 * 1024;

const digestSchema = z.string().refine(isDigest, "not a digest");
// What else is said of the bundle is for others.
const listSchema = z.looseObject({
  digest: digestSchema,
  repositories: z.array(z.string().refine(isRepository, "not a repository")),
  blobs: z.array(digestSchema),
});

/** The text of a file that is a list; undefined when it is none by its first byte. */
async function readList(file: string): Promise<string | undefined> {
  const handle = await open(file).catch((cause: unknown) => {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    // Of a bundle in parts no file has the name itself.
    if (missing) return undefined;
    throw cause;
  });
  if (handle === undefined) return undefined;
  await using _ = handle;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, 0);
  return bytesRead === 1 && buffer.toString() === "{" ? await handle.readFile("utf8") : undefined;
}

/** What whoever loads `bundle` has then. One that is no delta does not count what it lacks. */
export function contentsOfBundle(bundle: Bundle): BundleContents {
  const { delta, images, content, digest } = bundle;
  const blobs = [...content.keys()].filter((each) => delta !== undefined || bundle.holds(each));
  const own = images.flatMap(({ name }) => name ?? []).map(repositoryOf);
  const repositories = [...new Set([...own, ...(delta?.repositories ?? [])])];
  return { digest, blobs: new Set(blobs), repositories };
}

function isRepository(text: string): boolean {
  try {
    return repositoryOf(text) === text;
  } catch {
    return false;
  }
}

function repositoryOf(name: string): string {
  const { registry, repository } = parseReference(name);
  return formatReference({ registry, repository });
}
