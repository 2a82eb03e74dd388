import { dirname, resolve } from "node:path";
import { type Digest, isDigest } from "@lading/oci";
import { z } from "zod";
import { parsePredicateType } from "../attest/predicate-type.ts";
import { TrustError } from "../errors.ts";
import { readPublicKeys } from "../keys/public-key.ts";
import { readTrustedRoot } from "../verify/trusted-root.ts";
import type { Identity, Trust } from "../verify/trust.ts";
import { containersPolicySchema, containersRules, type ReadFile } from "./containers-policy.ts";
import type { Policy, Requirement } from "./policy.ts";

/**
 * A policy of parsed YAML or JSON: Lading's own, or containers' policy.json, which are told apart by
 * their `default`. `file` is where it came from, paths in it are relative to that; `read` reads the
 * keys and roots that it names. Throws TrustError POLICY, KEY or TRUSTED_ROOT.
 */
export async function readPolicy(value: unknown, file: string, read: ReadFile): Promise<Policy> {
  const base = dirname(resolve(file));
  const isContainers =
    typeof value === "object" && value !== null && "default" in value && Array.isArray(value.default);
  if (isContainers) {
    const rules = await containersRules(parse(containersPolicySchema, value, file), base, read);
    return { shown: file, byName: false, revoked: new Set(), ...rules };
  }
  const own = parse(ownSchema, value, file);
  const revokedKeys = new Set<string>();
  for (const path of own.revoked?.keys ?? [])
    for (const { hint } of readPublicKeys(await read(resolve(base, path)), path)) revokedKeys.add(hint);
  const rules = new Map<string, readonly Requirement[]>();
  for (const [scope, rule] of Object.entries(own.images ?? {}))
    rules.set(scope, await requirementsOf(rule, { file, base, read, revokedKeys }));
  return {
    shown: file,
    default: [{ type: own.default }],
    transports: new Map([["docker", rules]]),
    byName: true,
    revoked: new Set(own.revoked?.images),
  };
}

const text = z.string().min(1);
const verdict = z.enum(["accept", "reject"]);
const identitySchema = z.strictObject({
  subject: text.optional(),
  subjectRegExp: text.optional(),
  issuer: text.optional(),
  issuerRegExp: text.optional(),
});
const ruleSchema = z.strictObject({
  keys: z.array(text).min(1).optional(),
  identities: z.array(identitySchema).min(1).optional(),
  trustedRoot: text.optional(),
  log: z.boolean().optional(),
  attestations: z.array(text).optional(),
});
// A scope is a name, or the beginning of one up to a slash, as containers' policies have it. A short name would fit nothing.
const scopeSchema = z
  .string()
  .regex(/^(?:\*\.)?(?:[^/\s]*[.:][^/\s]*|localhost)(?:\/\S+)?$/, "no name in full, such as docker.io/library/nginx");
const ownSchema = z.strictObject({
  default: verdict,
  images: z.record(scopeSchema, z.union([verdict, ruleSchema])).optional(),
  revoked: z
    .strictObject({
      images: z
        .array(z.custom<Digest>((each) => typeof each === "string" && isDigest(each), "not a digest"))
        .optional(),
      keys: z.array(text).optional(),
    })
    .optional(),
});

interface Context {
  readonly file: string;
  readonly base: string;
  readonly read: ReadFile;
  readonly revokedKeys: ReadonlySet<string>;
}

async function requirementsOf(
  rule: z.infer<typeof ruleSchema> | z.infer<typeof verdict>,
  context: Context,
): Promise<readonly Requirement[]> {
  if (typeof rule === "string") return [{ type: rule }];
  const trust = await trustOf(rule, context);
  if ("keys" in trust && trust.keys.length === 0) return [{ type: "reject", why: "its keys are revoked" }];
  const types = (rule.attestations ?? []).map((type) => {
    try {
      return parsePredicateType(type);
    } catch (cause) {
      throw wrong(context.file, `attestations: ${type} is no predicate type`, cause);
    }
  });
  return [
    { type: "signed", trust },
    ...types.map((predicateType): Requirement => ({ type: "signed", trust, predicateType })),
  ];
}

async function trustOf(rule: z.infer<typeof ruleSchema>, { file, base, read, revokedKeys }: Context): Promise<Trust> {
  const { keys = [], identities = [], trustedRoot: rootFile, log } = rule;
  if ((keys.length === 0) === (identities.length === 0))
    throw wrong(file, "a rule has either keys or identities, to say whose signature counts");
  const ignoreLog = log === false;
  const trustedRoot =
    rootFile === undefined ? undefined : readTrustedRoot(await read(resolve(base, rootFile)), rootFile);
  if (keys.length > 0) {
    const all = await Promise.all(keys.map(async (path) => readPublicKeys(await read(resolve(base, path)), path)));
    return { keys: all.flat().filter(({ hint }) => !revokedKeys.has(hint)), trustedRoot, ignoreLog };
  }
  if (trustedRoot === undefined)
    throw wrong(file, "a rule with identities needs a trustedRoot: it says which authorities count");
  return { identities: identities.map((each) => identityOf(each, file)), trustedRoot, ignoreLog };
}

function identityOf(
  { subject, subjectRegExp, issuer, issuerRegExp }: z.infer<typeof identitySchema>,
  file: string,
): Identity {
  const one = (exact: string | undefined, pattern: string | undefined, name: string): string | RegExp => {
    if ((exact === undefined) === (pattern === undefined))
      throw wrong(file, `an identity has either ${name} or ${name}RegExp`);
    try {
      return exact ?? new RegExp(pattern ?? "", "u");
    } catch (cause) {
      throw wrong(file, `${name}RegExp ${JSON.stringify(pattern)} is no pattern`, cause);
    }
  };
  return { subject: one(subject, subjectRegExp, "subject"), issuer: one(issuer, issuerRegExp, "issuer") };
}

function parse<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.map(String).join(".") ?? "";
  // What is wrong with a key is told one level below.
  const detail = issue?.code === "invalid_key" ? issue.issues[0]?.message : issue?.message;
  throw wrong(file, `${where === "" ? "" : `${where}: `}${detail}`);
}

function wrong(file: string, detail: string, cause?: unknown): TrustError {
  return new TrustError("POLICY", `Cannot read the policy ${file}: ${detail}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: "Nothing is admitted by a policy that is not understood in full",
  });
}
