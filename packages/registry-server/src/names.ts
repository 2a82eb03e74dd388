import { formatReference, isTag, parseReference, type Reference } from "@lading/oci";
import { Problem } from "./problem.ts";

/** A repository by its full name, which holds whatever host it was asked for on: `docker.io/library/alpine`. */
export interface RepositoryName {
  readonly registry: string;
  readonly repository: string;
}

/**
 * What a path of a request may mean. `ghcr.io/acme/app` is just that. `acme/app` is Docker Hub's,
 * as everywhere; but where a layout has no such thing, it may be the one of another registry.
 * With `ns` (containerd asks a mirror `/v2/acme/app/…?ns=ghcr.io`) there is nothing to guess.
 */
export interface AskedName {
  readonly exact: RepositoryName;
  /** Path that repositories of other registries may have, too. */
  readonly path: string | undefined;
}

/** Throws Problem NAME_INVALID. */
export function askedName(path: string, ns: string | null): AskedName {
  if (!/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/.test(path))
    throw new Problem(
      400,
      "NAME_INVALID",
      `Cannot serve the repository ${JSON.stringify(path.slice(0, 300))}: not a name`,
    );
  try {
    const { registry, repository } = parseReference(ns === null ? path : `${ns}/${path}`);
    return { exact: { registry, repository }, path: ns === null ? path : undefined };
  } catch (cause) {
    throw new Problem(400, "NAME_INVALID", cause instanceof Error ? cause.message : "Cannot parse the name", { cause });
  }
}

/** Whether a repository is one that was asked for, by its full name or by its path alone. */
export function answersTo(name: RepositoryName, asked: AskedName): "exactly" | "by path" | undefined {
  if (sameName(name, asked.exact)) return "exactly";
  return name.repository === asked.path ? "by path" : undefined;
}

export function sameName(a: RepositoryName, b: RepositoryName): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}

/** The path that leads to a repository here: without Docker Hub's host, and without one that has a port, which no path may hold. */
export function pathOf({ registry, repository }: RepositoryName): string {
  if (registry === "docker.io") return repository.replace(/^library\/([^/]+)$/, "$1");
  return /^[a-z0-9.-]+$/.test(registry) ? `${registry}/${repository}` : repository;
}

/** What an entry of an index.json names, a bare tag being one of `fallback`; undefined when nothing that can be pulled. */
export function taggedName(
  name: string,
  fallback: RepositoryName,
): (RepositoryName & { readonly tag: string }) | undefined {
  if (isTag(name)) return { ...fallback, tag: name };
  const { registry, repository, tag } = tryReference(name) ?? {};
  return registry === undefined || repository === undefined || tag === undefined
    ? undefined
    : { registry, repository, tag };
}

/** How to pull what has a digest for a name here: nothing for what is no such name. */
export function digestName(name: string): readonly string[] {
  const reference = tryReference(name);
  return reference?.digest === undefined ? [] : [`${pathOf(reference)}@${reference.digest}`];
}

/** The name under which a store keeps a tag; the other way round of `taggedName`. */
export function storedName(name: RepositoryName, tag: string, fallback: RepositoryName): string {
  return sameName(name, fallback)
    ? tag
    : formatReference({ registry: name.registry, repository: name.repository, tag });
}

function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
