import { formatReference, parseReference, type Reference } from "@lading/oci";
import { z } from "zod";
import type { Claim } from "../verify/claim.ts";
import { Rejection } from "../verify/rejection.ts";
import type { PolicyImage } from "./policy.ts";

/** `signedIdentity` of containers' policies: which name must have been signed for an image that is used by another. */
export type SignedIdentity = z.infer<typeof signedIdentitySchema>;

const name = z.string().refine((each) => isParsed(each), "no name of an image");
const taggedName = name.refine((each) => {
  const { tag, digest } = parseReference(each);
  return tag !== undefined || digest !== undefined;
}, "it has no tag");
// A host, and as much of a repository as there is.
const prefix = z
  .string()
  .regex(/^(?:[\w.-]+(?::\d+)?|\[[\da-f:]+\](?::\d+)?)(?:\/[\w.-]+)*$/, "no beginning of a name");

export const signedIdentitySchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("matchExact") }),
  z.strictObject({ type: z.literal("matchRepoDigestOrExact") }),
  z.strictObject({ type: z.literal("matchRepository") }),
  z.strictObject({ type: z.literal("exactReference"), dockerReference: taggedName }),
  z.strictObject({ type: z.literal("exactRepository"), dockerRepository: name }),
  z.strictObject({ type: z.literal("remapIdentity"), prefix, signedPrefix: prefix }),
]);

/** Throws Rejection when the name that was signed is not the one that `identity` asks for. */
export function checkSignedName(identity: SignedIdentity, { reference }: Claim, { place }: PolicyImage): void {
  if (reference === undefined)
    throw new Rejection("NAME", "it signs no name, which the policy asks for: bundles have none");
  const signed = named(reference);
  if (identity.type === "exactReference") return same(full(named(identity.dockerReference)), full(signed), reference);
  if (identity.type === "exactRepository")
    return same(repositoryOf(named(identity.dockerRepository)), repositoryOf(signed), reference);

  const used = place.transport === "docker" ? place.reference : undefined;
  if (used === undefined)
    throw new Rejection("NAME", "the place has no name that the signed one could be held against");
  if (identity.type === "matchRepository") return same(repositoryOf(used), repositoryOf(signed), reference);
  const expected = identity.type === "remapIdentity" ? remapped(used, identity) : used;
  if (signed.tag === undefined && signed.digest === undefined)
    throw new Rejection("NAME", `it was signed as ${reference}, without a tag`);
  // An image by its digest has no tag to hold against the signed one.
  if (identity.type !== "matchExact" && expected.digest !== undefined)
    return same(repositoryOf(expected), repositoryOf(signed), reference);
  if (expected.tag === undefined)
    throw new Rejection("NAME", "the image is used by digest, and the policy asks for its tag");
  same(full(expected), full(signed), reference);
}

function same(expected: string, actual: string, shown: string): void {
  if (expected !== actual) throw new Rejection("NAME", `it was signed as ${shown}, and not as ${expected}`);
}

function remapped(
  used: Reference,
  { prefix, signedPrefix }: Extract<SignedIdentity, { type: "remapIdentity" }>,
): Reference {
  const name = repositoryOf(used);
  // As scopes: a prefix ends where a part of the name does.
  if (name !== prefix && !name.startsWith(`${prefix}/`)) return used;
  const { registry, repository } = named(`${signedPrefix}${name.slice(prefix.length)}`);
  return { ...used, registry, repository };
}

function isParsed(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

function named(text: string): Reference {
  try {
    return parseReference(text);
  } catch (cause) {
    throw new Rejection("NAME", `it was signed as ${JSON.stringify(text)}, which is no name of an image`, { cause });
  }
}

function full({ registry, repository, tag, digest }: Reference): string {
  return formatReference({
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  });
}

function repositoryOf({ registry, repository }: Reference): string {
  return formatReference({ registry, repository });
}
