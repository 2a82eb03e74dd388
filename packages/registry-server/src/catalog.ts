import { type Descriptor, type Digest, type Options } from "@lading/oci";
import type { Backing } from "./backing.ts";
import { Closures, contentKey, type Kind } from "./closure.ts";
import {
  answersTo,
  type AskedName,
  askedName,
  digestName,
  pathOf,
  type RepositoryName,
  storedName,
  taggedName,
} from "./names.ts";
import { Problem } from "./problem.ts";

interface Tagged {
  readonly name: RepositoryName & { readonly tag: string };
  readonly descriptor: Descriptor;
}

/**
 * Which repositories there are, and what is in each. A store knows names and content, but of no
 * repositories: one holds what its tags lead to, what is listed without a name, and what was pushed
 * to it since the server began. So nobody gets content by its digest who could not get it by a tag.
 */
export class Catalog {
  readonly backing: Backing;
  readonly closures: Closures;
  /** The repository of bare tags. */
  readonly #fallback: RepositoryName;
  readonly #pushed = new Map<string, Map<string, Descriptor>>();

  constructor(backing: Backing, fallback: RepositoryName) {
    this.backing = backing;
    this.closures = new Closures(backing);
    this.#fallback = fallback;
  }

  /** Paths of all repositories, in order. */
  async paths(): Promise<readonly string[]> {
    const tagged = (await this.tagged()).map(({ name }) => pathOf(name));
    return [...new Set([...tagged, ...this.#pushed.keys()])].toSorted(byCodeUnits);
  }

  /** What can be pulled by name, in the order of the store. */
  async names(): Promise<readonly string[]> {
    const entries = await this.backing.entries();
    return entries.flatMap(({ name }) => {
      if (name === undefined) return [];
      const tagged = taggedName(name, this.#fallback);
      return tagged === undefined ? digestName(name) : `${pathOf(tagged)}:${tagged.tag}`;
    });
  }

  /** The repository that a request means; it may hold nothing yet. Throws Problem NAME_INVALID. */
  repository(path: string, ns: string | null): Repository {
    return new Repository(this, askedName(path, ns));
  }

  async tagged(): Promise<readonly Tagged[]> {
    const entries = await this.backing.entries();
    return entries.flatMap(({ name, descriptor }) => {
      const tagged = name === undefined ? undefined : taggedName(name, this.#fallback);
      return tagged === undefined ? [] : [{ name: tagged, descriptor }];
    });
  }

  /** What is listed without a name, or with one that cannot be pulled. */
  async unnamed(): Promise<readonly Descriptor[]> {
    const entries = await this.backing.entries();
    return entries
      .filter(({ name }) => name === undefined || taggedName(name, this.#fallback) === undefined)
      .map(({ descriptor }) => descriptor);
  }

  storedName({ tag, ...name }: RepositoryName & { readonly tag: string }): string {
    return storedName(name, tag, this.#fallback);
  }

  pushed(name: RepositoryName): Map<string, Descriptor> | undefined {
    return this.#pushed.get(pathOf(name));
  }

  /** Takes back a tag, or by its digest a manifest with all its tags in the repository. */
  async remove(repository: Repository, reference: string, digest: Digest): Promise<void> {
    const { store } = this.backing;
    const byDigest = reference === digest;
    for (const name of await repository.namesOf(digest, byDigest ? undefined : reference)) await store?.untag(name);
    if (!byDigest) return;
    await store?.untag(digest);
    this.pushed(repository.name)?.delete(contentKey("manifest", digest));
  }

  /** From now on the repository holds `descriptor`. */
  add(name: RepositoryName, kind: Kind, descriptor: Descriptor): void {
    const content = this.pushed(name) ?? new Map<string, Descriptor>();
    this.#pushed.set(pathOf(name), content.set(contentKey(kind, descriptor.digest), descriptor));
  }
}

/** One repository, under the name by which it was asked for. */
export class Repository {
  /** What pushes go to. */
  readonly name: RepositoryName;
  readonly #catalog: Catalog;
  readonly #asked: AskedName;

  constructor(catalog: Catalog, asked: AskedName) {
    this.#catalog = catalog;
    this.#asked = asked;
    this.name = asked.exact;
  }

  async exists(): Promise<boolean> {
    return this.#catalog.pushed(this.name) !== undefined || (await this.#tagged()).length > 0;
  }

  /** In order, without doubles. */
  async tags(): Promise<readonly string[]> {
    const tags = (await this.#tagged()).map(({ name }) => name.tag);
    return [...new Set(tags)].toSorted(byCodeUnits);
  }

  /** Throws Problem MANIFEST_UNKNOWN, also when the path is short for several that differ. */
  async byTag(tag: string): Promise<Descriptor | undefined> {
    const tagged = (await this.#tagged()).filter(({ name }) => name.tag === tag);
    const exact = tagged.find(({ name }) => answersTo(name, this.#asked) === "exactly");
    if (exact !== undefined) return exact.descriptor;
    const [first, ...others] = tagged;
    if (others.some(({ descriptor }) => descriptor.digest !== first?.descriptor.digest))
      throw new Problem(
        404,
        "MANIFEST_UNKNOWN",
        `Cannot choose between ${tagged.map(({ name }) => `${pathOf(name)}:${tag}`).join(" and ")}: write the name in full`,
      );
    return first?.descriptor;
  }

  /** The names, in stored form, that `digest` has here: those with this tag, or all. */
  async namesOf(digest: Digest, tag?: string): Promise<readonly string[]> {
    const tagged = (await this.#tagged()).filter(({ descriptor }) => descriptor.digest === digest);
    return tagged
      .filter(({ name }) => tag === undefined || name.tag === tag)
      .map(({ name }) => this.#catalog.storedName(name));
  }

  /** The descriptor of content that this repository holds, as far as its names tell. */
  async holds(kind: Kind, digest: Digest, options?: Options): Promise<Descriptor | undefined> {
    const key = contentKey(kind, digest);
    const pushed = this.#catalog.pushed(this.name)?.get(key);
    if (pushed !== undefined) return pushed;
    for (const root of await this.#roots()) {
      const found = (await this.#catalog.closures.of(root, options)).get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** All manifests here, for the search of referrers. */
  async manifests(options?: Options): Promise<readonly Descriptor[]> {
    const all = new Map<string, Descriptor>(this.#catalog.pushed(this.name));
    for (const root of await this.#roots())
      for (const [key, descriptor] of await this.#catalog.closures.of(root, options)) all.set(key, descriptor);
    return [...all].filter(([key]) => key.startsWith("manifest ")).map(([, descriptor]) => descriptor);
  }

  async #roots(): Promise<readonly Descriptor[]> {
    const tagged = (await this.#tagged()).map(({ descriptor }) => descriptor);
    return [...tagged, ...(await this.#catalog.unnamed())];
  }

  async #tagged(): Promise<readonly Tagged[]> {
    return (await this.#catalog.tagged()).filter(({ name }) => answersTo(name, this.#asked) !== undefined);
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
