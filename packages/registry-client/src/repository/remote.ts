import { isDigest, isTag } from "@lading/oci";
import type { RegistryHost, Scope } from "../transport/registry-host.ts";

/** A repository as one host knows it: the registry itself or a mirror. */
export interface RemoteRepository {
  readonly host: RegistryHost;
  /** Its path there: mirrors may have another one. */
  readonly repository: string;
}

/** Whether text can stand in a URL as tag or digest. Everything that comes from outside passes here first. */
export function parseTagOrDigest(text: string): string {
  if (isTag(text) || isDigest(text)) return text;
  throw new SyntaxError(`Cannot use ${JSON.stringify(text.slice(0, 300))}: it is neither a tag nor a digest`);
}

/** The path of `manifests/<reference>`, relative to the host's base. */
export function manifestUrl({ repository }: RemoteRepository, tagOrDigest: string): string {
  return `v2/${repository}/manifests/${parseTagOrDigest(tagOrDigest)}`;
}

/** The path of `blobs/<digest>`. */
export function blobUrl({ repository }: RemoteRepository, digest: string): string {
  if (!isDigest(digest)) throw new SyntaxError(`Cannot use ${JSON.stringify(digest)}: it is not a digest`);
  return `v2/${repository}/blobs/${digest}`;
}

/** What reading needs. */
export function pulling({ repository }: RemoteRepository): readonly Scope[] {
  return [{ repository, actions: ["pull"] }];
}

/** What writing needs, and looking before it. */
export function pushing({ repository }: RemoteRepository): readonly Scope[] {
  return [{ repository, actions: ["pull", "push"] }];
}

/** As people write it: `ghcr.io/acme/app`, of the content named by `tagOrDigest` when it is given. */
export function describe({ host, repository }: RemoteRepository, tagOrDigest?: string): string {
  const name = `${host.registry}/${repository}`;
  if (tagOrDigest === undefined) return name;
  return `${name}${isDigest(tagOrDigest) ? "@" : ":"}${tagOrDigest}`;
}
