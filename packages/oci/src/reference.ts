import { type Digest, isDigest } from "./digest.ts";

/** The name of an image in a registry, as distribution/reference understands it. */
export interface Reference {
  /** Host, with port when there is one; "docker.io" for Docker Hub. */
  readonly registry: string;
  /** Path without registry; Docker Hub's official images have "library/" in front. */
  readonly repository: string;
  readonly tag?: string;
  /** When there is a tag as well, the digest is what counts and the tag is for people. */
  readonly digest?: Digest;
}

const domainComponent = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const domainPattern = new RegExp(`^(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const pathComponent = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const pathPattern = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

const dockerHub = "docker.io";
const official = "library/";
const maxRepository = 255;

/**
 * Parses `[registry/]repository[:tag][@digest]` and expands Docker Hub's short names: `alpine` is
 * `docker.io/library/alpine`. A missing tag stays missing, see `withDefaultTag`. Throws SyntaxError.
 */
export function parseReference(text: string): Reference {
  const fail = (reason: string): SyntaxError =>
    new SyntaxError(`Cannot parse image name ${JSON.stringify(shorten(text))}: ${reason}`);

  if (/^[0-9a-f]{64}$/.test(text)) throw fail("64 hex digits would be taken for an image ID");
  if (text === "") throw fail("it is empty");

  const { registry, remainder } = splitRegistry(text);
  const at = remainder.indexOf("@");
  const named = at === -1 ? remainder : remainder.slice(0, at);
  const colon = named.indexOf(":");
  const repository = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  const digest = at === -1 ? undefined : remainder.slice(at + 1);

  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) throw fail("a name has no scheme; write host/repository:tag");
  if (!domainPattern.test(registry)) throw fail(`${JSON.stringify(shorten(registry))} is not a registry host`);
  if (repository !== repository.toLowerCase()) throw fail("the repository must be lower case");
  if (repository.length > maxRepository) throw fail(`the repository is longer than ${maxRepository} characters`);
  if (!pathPattern.test(repository))
    throw fail(`${JSON.stringify(shorten(repository))} is not a repository path (lower-case words joined by / . _ -)`);
  if (tag !== undefined && !isTag(tag)) throw fail(`${JSON.stringify(shorten(tag))} is not a tag`);
  if (digest !== undefined && !isDigest(digest))
    throw fail(`${JSON.stringify(shorten(digest))} is not a sha256 or sha512 digest`);

  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Whether `text` alone is a tag: letters, digits, `_`, `.`, `-`; at most 128. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** The full form, registry included: `docker.io/library/alpine:3`. Parses back to the same reference. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffix(reference)}`;
}

/**
 * The form people type: Docker Hub's registry and `library/` left out. Parses back to the same
 * reference, but for a repository of 64 hex digits, which is written as Docker writes it.
 */
export function familiarReference(reference: Reference): string {
  const { registry, repository } = reference;
  if (registry !== dockerHub) return formatReference(reference);
  const [first, name, ...more] = repository.split("/");
  // library/a/b is no official image: shortened, it would be another.
  const short = `${first}/` === official && more.length === 0 && name !== undefined ? name : repository;
  return `${short}${suffix(reference)}`;
}

/** The reference with `:latest`, when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

// The rule of `docker pull`: the first component is a host when it looks like one.
function splitRegistry(text: string): { registry: string; remainder: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  if (slash === -1) return { registry: dockerHub, remainder: official + text };
  if (first !== "localhost" && !/[.:]/.test(first) && first === first.toLowerCase())
    return { registry: dockerHub, remainder: text };
  const registry = first === "index.docker.io" ? dockerHub : first;
  const remainder = text.slice(slash + 1);
  return { registry, remainder: registry === dockerHub && !remainder.includes("/") ? official + remainder : remainder };
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function shorten(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
