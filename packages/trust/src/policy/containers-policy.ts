import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import type { PublicKey } from "../keys/public-key.ts";
import { readPublicKeys } from "../keys/public-key.ts";
import type { Requirement } from "./policy.ts";
import type { PolicyTransport } from "./scopes.ts";
import { checkSignedName, signedIdentitySchema } from "./signed-name.ts";

/** Reads files that a policy names. */
export type ReadFile = (path: string) => Promise<string>;

const text = z.string().min(1);
const sigstoreSigned = z.strictObject({
  type: z.literal("sigstoreSigned"),
  keyPath: text.optional(),
  keyPaths: z.array(text).min(1).optional(),
  keyData: text.optional(),
  keyDatas: z.array(text).min(1).optional(),
  // What cannot be checked here is refused where it is used, and not passed over.
  fulcio: z.unknown().optional(),
  pki: z.unknown().optional(),
  rekorPublicKeyPath: z.unknown().optional(),
  rekorPublicKeyPaths: z.unknown().optional(),
  rekorPublicKeyData: z.unknown().optional(),
  rekorPublicKeyDatas: z.unknown().optional(),
  signedIdentity: signedIdentitySchema.optional(),
});
const requirement = z.union([
  z.strictObject({ type: z.literal("insecureAcceptAnything") }),
  z.strictObject({ type: z.literal("reject") }),
  sigstoreSigned,
  z.looseObject({ type: z.literal("signedBy") }),
]);
const requirements = z.array(requirement).min(1);

/** containers-policy.json(5). */
export const containersPolicySchema = z.strictObject({
  default: requirements,
  transports: z.record(z.string(), z.record(z.string(), requirements)).optional(),
});

type ContainersPolicy = z.infer<typeof containersPolicySchema>;

const transports: readonly PolicyTransport[] = ["docker", "oci", "oci-archive", "docker-archive"];

/** The requirements of a policy.json; `base` is what paths in it are relative to. Throws TrustError KEY. */
export async function containersRules(
  { default: otherwise, transports: given = {} }: ContainersPolicy,
  base: string,
  read: ReadFile,
): Promise<{
  readonly default: readonly Requirement[];
  readonly transports: ReadonlyMap<PolicyTransport, ReadonlyMap<string, readonly Requirement[]>>;
}> {
  const parse = async (list: z.infer<typeof requirements>): Promise<readonly Requirement[]> =>
    await Promise.all(list.map(async (each) => await requirementOf(each, base, read)));
  const rules = new Map<PolicyTransport, ReadonlyMap<string, readonly Requirement[]>>();
  for (const transport of transports) {
    const scopes = new Map<string, readonly Requirement[]>();
    for (const [scope, list] of Object.entries(given[transport] ?? {})) scopes.set(scope, await parse(list));
    rules.set(transport, scopes);
  }
  return { default: await parse(otherwise), transports: rules };
}

async function requirementOf(given: z.infer<typeof requirement>, base: string, read: ReadFile): Promise<Requirement> {
  if (given.type === "insecureAcceptAnything") return { type: "accept" };
  if (given.type === "reject") return { type: "reject" };
  if (given.type === "signedBy")
    return { type: "reject", why: "signatures of GPG, which it asks for, are not checked here" };
  const { type: _, signedIdentity = { type: "matchRepoDigestOrExact" as const }, ...rest } = given;
  const { keyPath, keyPaths, keyData, keyDatas, ...others } = rest;
  const [other] = Object.keys(others);
  if (other !== undefined) return { type: "reject", why: `"${other}", which it asks for, is not checked here` };
  const sources = [keyPath, keyPaths, keyData, keyDatas].filter((each) => each !== undefined);
  if (sources.length !== 1)
    return { type: "reject", why: "it must name keys by one of keyPath, keyPaths, keyData and keyDatas" };
  const paths = [keyPath ?? [], keyPaths ?? []].flat();
  const data = [keyData ?? [], keyDatas ?? []].flat();
  const keys: PublicKey[] = [];
  for (const path of paths) {
    const file = isAbsolute(path) ? path : resolve(base, path);
    keys.push(...readPublicKeys(await read(file), file));
  }
  for (const each of data) keys.push(...readPublicKeys(Buffer.from(each, "base64").toString(), "the policy's key"));
  return { type: "signed", trust: { keys }, accept: (claim, image) => checkSignedName(signedIdentity, claim, image) };
}
