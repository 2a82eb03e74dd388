import { CIContextProvider, FulcioSigner, RekorWitness, TSAWitness, type Signer, type Witness } from "@sigstore/sign";
import { TrustError, type TrustErrorCode } from "../errors.ts";
import type { ImageSigner } from "./image-signer.ts";
import { imageSigner, localSigner } from "./sigstore-signer.ts";
import type { SigningKey } from "../keys/signing-key.ts";

/** Where the public good instance of sigstore is. */
export const publicGood = { fulcio: "https://fulcio.sigstore.dev", rekor: "https://rekor.sigstore.dev" } as const;

/** Who sees a signature when it is made, and vouches for that. */
export interface Witnesses {
  /** A transparency log: Rekor. */
  readonly rekorUrl?: string | undefined;
  /** Of its API. Version 2 gives no time, and logs of it take certificates alone here. Default: 1. */
  readonly rekorVersion?: 1 | 2 | undefined;
  /** A timestamp authority (RFC 3161): the URL that requests are posted to, or its host alone, which stands for `/api/v1/timestamp` there. */
  readonly timestampUrl?: string | undefined;
}

/** Who makes signatures, with which witnesses. */
export interface SigningServices extends Witnesses {
  /** A certificate authority: Fulcio. */
  readonly fulcioUrl?: string | undefined;
}

export interface KeylessOptions extends Witnesses {
  /** A certificate authority: Fulcio. */
  readonly fulcioUrl: string;
  /** An OpenID Connect token. Default: of SIGSTORE_ID_TOKEN, GitHub Actions or Buildkite. */
  readonly identityToken?: string | undefined;
}

/** Signs with a key, and has witnesses see it; without any it asks nobody. Throws TypeError for a log of version 2. */
export function keySigner(key: SigningKey, witnesses: Witnesses = {}): ImageSigner {
  if (witnesses.rekorVersion === 2) throw new TypeError("A Rekor of version 2 takes no signature by a key here");
  const seenBy = witnessesOf(witnesses);
  return imageSigner(localSigner(key), { statement: seenBy, payload: seenBy }, key.publicKey.hint);
}

/**
 * Signs with a key that lasts as long as the signature takes, and a certificate that says whose token
 * it was made with. Throws TrustError TOKEN or SIGNING, neither of which holds the token.
 */
export async function keylessSigner({ fulcioUrl, identityToken, ...witnesses }: KeylessOptions): Promise<ImageSigner> {
  let token = checkToken(identityToken ?? (await tokenOfEnvironment()));
  // Those of a CI last for minutes, and what is to be signed may take longer to build.
  const getToken = async (): Promise<string> => {
    if (identityToken === undefined && endsSoon(token)) token = checkToken(await tokenOfEnvironment());
    return token;
  };
  const fulcio = new FulcioSigner({ fulcioBaseURL: fulcioUrl, identityProvider: { getToken }, ...patience });
  const signer: Signer = {
    sign: async (data) =>
      await attempt(
        `Cannot get a certificate from ${fulcioUrl}`,
        async () => await fulcio.sign(data),
        () => token,
      ),
  };
  const statement = witnessesOf(witnesses);
  // The older form has no place for what a log of version 2 says.
  const payload = witnesses.rekorVersion === 2 ? witnessesOf({ timestampUrl: witnesses.timestampUrl }) : statement;
  return imageSigner(signer, { statement, payload });
}

const patience = { timeout: 30_000, retry: { retries: 2, minTimeout: 500 } };

function witnessesOf({ rekorUrl, rekorVersion = 1, timestampUrl }: Witnesses): readonly Witness[] {
  const rekor =
    rekorUrl === undefined
      ? []
      : [new RekorWitness({ rekorBaseURL: rekorUrl, majorApiVersion: rekorVersion, entryType: "dsse", ...patience })];
  const tsa = timestampUrl === undefined ? [] : [new TSAWitness({ tsaBaseURL: timestampUrl, ...patience })];
  return [
    ...rekor.map((witness) => telling(witness, `Cannot log the signature at ${rekorUrl}`)),
    ...tsa.map((witness) => telling(witness, `Cannot have the signature timestamped at ${timestampUrl}`)),
  ];
}

function telling(witness: Witness, what: string): Witness {
  return {
    testify: async (content, publicKey) => await attempt(what, async () => await witness.testify(content, publicKey)),
  };
}

async function tokenOfEnvironment(): Promise<string> {
  // An answer without a token is undefined, whatever the types say.
  const token: unknown = await new CIContextProvider("sigstore").getToken().catch(() => undefined);
  if (typeof token === "string") return token;
  // What the provider says is "no tokens available"; where one had an answer, that may hold the token.
  if (process.env["ACTIONS_ID_TOKEN_REQUEST_URL"] !== undefined)
    throw new TrustError("TOKEN", "Cannot get an identity token: GitHub Actions, which was asked for one, gave none");
  throw new TrustError("TOKEN", "Cannot find an identity token", {
    hint: "Give --identity-token FILE or SIGSTORE_ID_TOKEN; GitHub Actions has one with `permissions: id-token: write`, GitLab with `id_tokens`",
  });
}

// Fulcio's client takes it apart and says all of it when it cannot.
function checkToken(token: string): string {
  const trimmed = token.trim();
  const wrong = new TrustError("TOKEN", "Cannot use the identity token: it is no JSON Web Token", {
    hint: "Expected the token alone: three parts, with dots between them",
  });
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(trimmed) || claimsOf(trimmed) === undefined) throw wrong;
  return trimmed;
}

/** Whether a token will no longer do in a minute. */
function endsSoon(token: string): boolean {
  const ends = claimsOf(token)?.["exp"];
  return typeof ends === "number" && ends * 1000 < Date.now() + 60_000;
}

function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return typeof claims === "object" && claims !== null ? { ...claims } : undefined;
  } catch {
    return undefined;
  }
}

async function attempt<T>(what: string, task: () => Promise<T>, secret?: () => string): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new TrustError(codeOf(error), what, { cause: new Error(messagesOf(error, secret?.())) });
  }
}

function codeOf(error: unknown): TrustErrorCode {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("IDENTITY_TOKEN") ? "TOKEN" : "SIGNING";
}

// Only the words: an error of the libraries may have the token in it, or in what caused it.
function messagesOf(error: unknown, secret: string | undefined): string {
  const words: string[] = [];
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++)
    if (!words.some((before) => before.includes(at.message))) words.push(at.message);
  const text = words.join(": ") || String(error);
  return secret === undefined ? text : text.replaceAll(secret, "<token>");
}
