import { CIContextProvider, FulcioSigner, RekorWitness, TSAWitness, type Signer, type Witness } from "@sigstore/sign";
import { TrustError, type TrustErrorCode } from "../errors.ts";
import type { ImageSigner } from "./image-signer.ts";
import { imageSigner, localSigner } from "./sigstore-signer.ts";
import type { SigningKey } from "../keys/signing-key.ts";

/** Where the public good instance of sigstore is. */
export const publicGood = { fulcio: "https://fulcio.sigstore.dev", rekor: "https://rekor.sigstore.dev" } as const;

/** Who sees a signature when it is made, and vouches for that. */
export interface Witnesses {
  /** A transparency log: Rekor, version 1. */
  readonly rekorUrl?: string | undefined;
  /** A timestamp authority (RFC 3161): the URL that requests are posted to, or its host alone, which stands for `/api/v1/timestamp` there. */
  readonly timestampUrl?: string | undefined;
}

export interface KeylessOptions extends Witnesses {
  /** A certificate authority: Fulcio. */
  readonly fulcioUrl: string;
  /** An OpenID Connect token. Default: of the environment, SIGSTORE_ID_TOKEN, GitHub Actions or Buildkite. */
  readonly identityToken?: string | undefined;
}

/** Signs with a key, and has witnesses see it; without any it asks nobody. */
export function keySigner(key: SigningKey, witnesses: Witnesses = {}): ImageSigner {
  return imageSigner(localSigner(key), witnessesOf(witnesses), key.publicKey.hint);
}

/**
 * Signs with a key that lasts as long as the signature takes, and a certificate that says whose token
 * it was made with. Throws TrustError TOKEN or SIGNING, neither of which holds the token.
 */
export async function keylessSigner({ fulcioUrl, identityToken, ...witnesses }: KeylessOptions): Promise<ImageSigner> {
  const token = checkToken(identityToken ?? (await tokenOfEnvironment()));
  const fulcio = new FulcioSigner({
    fulcioBaseURL: fulcioUrl,
    identityProvider: { getToken: async () => token },
    ...patience,
  });
  const signer: Signer = {
    sign: async (data) =>
      await attempt(`Cannot get a certificate from ${fulcioUrl}`, async () => await fulcio.sign(data), token),
  };
  return imageSigner(signer, witnessesOf(witnesses));
}

const patience = { timeout: 30_000, retry: { retries: 2, minTimeout: 500 } };

function witnessesOf({ rekorUrl, timestampUrl }: Witnesses): readonly Witness[] {
  const rekor =
    rekorUrl === undefined ? [] : [new RekorWitness({ rekorBaseURL: rekorUrl, entryType: "dsse", ...patience })];
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
  try {
    return await new CIContextProvider("sigstore").getToken();
  } catch {
    // What it says of each provider is "no token available"; where one had an answer, that may hold the token.
    throw new TrustError("TOKEN", "Cannot find an identity token", {
      hint: "Give --identity-token FILE or SIGSTORE_ID_TOKEN; GitHub Actions has one with `permissions: id-token: write`",
    });
  }
}

// Fulcio's client takes it apart and says all of it when it cannot.
function checkToken(token: string): string {
  const trimmed = token.trim();
  const [, payload] = trimmed.split(".");
  const wrong = new TrustError("TOKEN", "Cannot use the identity token: it is no JSON Web Token", {
    hint: "Expected the token alone: three parts, with dots between them",
  });
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(trimmed)) throw wrong;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload ?? "", "base64url").toString());
    if (typeof claims !== "object" || claims === null) throw wrong;
  } catch {
    throw wrong;
  }
  return trimmed;
}

async function attempt<T>(what: string, task: () => Promise<T>, secret?: string): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new TrustError(codeOf(error), what, { cause: new Error(messagesOf(error, secret)) });
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
