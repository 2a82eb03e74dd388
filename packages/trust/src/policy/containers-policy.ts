import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { parsePem } from "../keys/pem.ts";
import { type PublicKey, readPublicKeys } from "../keys/public-key.ts";
import type { Trust } from "../verify/trust.ts";
import { trustedRootOf } from "../verify/trusted-root.ts";
import type { Requirement } from "./policy.ts";
import type { PolicyTransport } from "./scopes.ts";
import { checkSignedName, signedIdentitySchema } from "./signed-name.ts";

/** Reads files that a policy names. */
export type ReadFile = (path: string) => Promise<string>;

const text = z.string().min(1);
const texts = z.array(text).min(1);
const keySources = ["keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki"] as const;
const logSources = ["rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"] as const;

const fulcio = z
  .strictObject({ caPath: text.optional(), caData: text.optional(), oidcIssuer: text, subjectEmail: text })
  .refine((it) => (it.caPath === undefined) !== (it.caData === undefined), "it takes one of caPath and caData");
const sigstoreSigned = z
  .strictObject({
    type: z.literal("sigstoreSigned"),
    keyPath: text.optional(),
    keyPaths: texts.optional(),
    keyData: text.optional(),
    keyDatas: texts.optional(),
    fulcio: fulcio.optional(),
    pki: z.looseObject({}).optional(),
    rekorPublicKeyPath: text.optional(),
    rekorPublicKeyPaths: texts.optional(),
    rekorPublicKeyData: text.optional(),
    rekorPublicKeyDatas: texts.optional(),
    signedIdentity: signedIdentitySchema.optional(),
  })
  .refine((it) => given(it, keySources) === 1, `it takes one of ${keySources.join(", ")}`)
  .refine((it) => given(it, logSources) <= 1, `it takes at most one of ${logSources.join(", ")}`)
  .refine((it) => it.fulcio === undefined || given(it, logSources) === 1, "fulcio needs the key of a log");
const requirement = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("insecureAcceptAnything") }),
  z.strictObject({ type: z.literal("reject") }),
  sigstoreSigned,
  z.looseObject({ type: z.literal("signedBy") }),
]);
const requirements = z.array(requirement).min(1);
const scopesOf = (scope: z.ZodType<string>): z.ZodOptional<z.ZodRecord<z.ZodType<string>, typeof requirements>> =>
  z.record(scope, requirements).optional();

// As each transport of containers/image has it: a scope that could never fit is a slip.
const path = z
  .string()
  .refine(
    (scope) => scope === "" || (isAbsolute(scope) && resolve(scope) === scope && scope !== "/"),
    "no absolute path as it would be written in full, without / at its end",
  );

/** containers-policy.json(5). */
export const containersPolicySchema = z.strictObject({
  default: requirements,
  transports: z
    .looseObject({
      docker: scopesOf(z.string()),
      oci: scopesOf(path),
      "oci-archive": scopesOf(path),
      "docker-archive": scopesOf(z.string().refine((scope) => scope === "", 'it has no scope but ""')),
    })
    .catchall(z.record(z.string(), requirements))
    .optional(),
});

type ContainersPolicy = z.infer<typeof containersPolicySchema>;
type Given = z.infer<typeof sigstoreSigned>;

const transports: readonly PolicyTransport[] = ["docker", "oci", "oci-archive", "docker-archive"];

/** The requirements of a policy.json; `base` is what paths in it are relative to. Throws TrustError KEY. */
export async function containersRules(
  { default: otherwise, transports: rulesOf = {} }: ContainersPolicy,
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
    for (const [scope, list] of Object.entries(rulesOf[transport] ?? {})) scopes.set(scope, await parse(list));
    rules.set(transport, scopes);
  }
  return { default: await parse(otherwise), transports: rules };
}

async function requirementOf(it: z.infer<typeof requirement>, base: string, read: ReadFile): Promise<Requirement> {
  if (it.type === "insecureAcceptAnything") return { type: "accept" };
  if (it.type === "reject") return { type: "reject" };
  // What cannot be checked here is refused where it is used, and not passed over.
  if (it.type === "signedBy")
    return { type: "reject", why: "signatures of GPG, which it asks for, are not checked here" };
  if (it.pki !== undefined) return { type: "reject", why: '"pki", which it asks for, is not checked here' };
  const { signedIdentity = { type: "matchRepoDigestOrExact" as const } } = it;
  const accept: Extract<Requirement, { type: "signed" }>["accept"] = (claim, image) =>
    checkSignedName(signedIdentity, claim, image);
  return { type: "signed", trust: await trustOf(it, { base, read }), accept };
}

interface Files {
  readonly base: string;
  readonly read: ReadFile;
}

async function trustOf(it: Given, files: Files): Promise<Trust> {
  const logs = await keysIn(
    [it.rekorPublicKeyPath, ...(it.rekorPublicKeyPaths ?? [])],
    [it.rekorPublicKeyData, ...(it.rekorPublicKeyDatas ?? [])],
    files,
  );
  if (it.fulcio !== undefined) {
    const { caPath, caData, oidcIssuer, subjectEmail } = it.fulcio;
    const authorities = (await textsIn([caPath], [caData], files)).flatMap(({ text: pem, name }) =>
      parsePem(pem, name),
    );
    // As containers/image has it: a log of signatures makes one of certificates needless.
    return {
      identities: [{ subject: subjectEmail, issuer: oidcIssuer }],
      trustedRoot: trustedRootOf(authorities, logs),
      ignoreSct: true,
    };
  }
  const keys = await keysIn([it.keyPath, ...(it.keyPaths ?? [])], [it.keyData, ...(it.keyDatas ?? [])], files);
  return { keys, trustedRoot: logs.length === 0 ? undefined : trustedRootOf([], logs) };
}

type Fields = readonly (string | undefined)[];

async function keysIn(paths: Fields, data: Fields, files: Files): Promise<readonly PublicKey[]> {
  return (await textsIn(paths, data, files)).flatMap(({ text: pem, name }) => readPublicKeys(pem, name));
}

/** What fields with paths, and with base64, hold. */
async function textsIn(
  paths: Fields,
  data: Fields,
  { base, read }: Files,
): Promise<readonly { readonly text: string; readonly name: string }[]> {
  const files = paths.filter((each) => each !== undefined).map((each) => resolve(base, each));
  return [
    ...(await Promise.all(files.map(async (name) => ({ name, text: await read(name) })))),
    ...data
      .filter((each) => each !== undefined)
      .map((each) => ({ name: "a key in the policy", text: Buffer.from(each, "base64").toString() })),
  ];
}

function given(it: Readonly<Record<string, unknown>>, names: readonly string[]): number {
  return names.filter((name) => it[name] !== undefined).length;
}
