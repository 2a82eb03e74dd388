import { createHash, generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import {
  fulcioHandler,
  type HandlerFn,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  rekorHandler,
  tsaHandler,
} from "@sigstore/mock";
import { z } from "zod";
import { logEntryV2 } from "./rekor-v2.ts";

export interface Sigstore extends AsyncDisposable {
  /** Where the certificate authority, the log and the timestamp authority are, all three. */
  readonly url: string;
  /** What vouches for them: a trusted_root.json. */
  readonly trustedRoot: string;
  /** Paths that were asked for, in their order. */
  readonly requests: readonly string[];
}

export interface StartSigstoreOptions {
  /** When the certificate authority thinks it is; the others always know. Its certificates are good for minutes. */
  readonly certificatesOf?: Date;
}

/** A Fulcio, a Rekor of both versions and a timestamp authority on loopback, which believe every token. */
export async function startSigstore({ certificatesOf }: StartSigstoreOptions = {}): Promise<Sigstore> {
  const requests: string[] = [];
  const handlers = new Map<string, HandlerFn>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    requests.push(path);
    const handle = handlers.get(path);
    const reply = async (): Promise<void> => {
      const answer = await handle?.(await text(request));
      response.writeHead(answer?.statusCode ?? 404, { "content-type": answer?.contentType ?? "text/plain" });
      const content = answer?.response ?? "";
      response.end(
        typeof content === "string" ? content : Buffer.from(content.buffer, content.byteOffset, content.byteLength),
      );
    };
    void reply();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;

  // Its reader of times takes no fraction that ends in a zero.
  // A minute ahead: roots are of the moment in which they are made, which on a slow machine is some time from now.
  const now = new Date(Date.now() + 60_000);
  now.setMilliseconds(123);
  const ctlog = await initializeCTLog(keyPair(), certificatesOf ?? now);
  const authority = await initializeCA(keyPair(), ctlog, certificatesOf ?? now);
  const logKeys = keyPair();
  const tlog = await initializeTLog(url, logKeys, now);
  const clock = await initializeTSA(keyPair(), now);
  const log: typeof tlog.log = tlog.log.bind(tlog);
  tlog.log = async (proposed) => await log(asRekorKeeps(proposed));
  for (const { path, fn } of [fulcioHandler(authority), rekorHandler(tlog), tsaHandler(clock)]) handlers.set(path, fn);
  handlers.set("/api/v2/log/entries", async (body) => ({
    statusCode: 201,
    contentType: "application/json",
    response: logEntryV2(body, new URL(url).host, logKeys),
  }));

  return {
    url,
    requests,
    trustedRoot: JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [logOf(url, tlog.publicKey)],
      ctlogs: [logOf(url, ctlog.publicKey)],
      certificateAuthorities: [authorityOf(url, authority.rootCertificate)],
      timestampAuthorities: [authorityOf(url, clock.intCertificate, clock.rootCertificate)],
    }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A token as an OpenID Connect provider would give it, signed by nobody. */
export function identityToken(subject: string, issuer: string): string {
  return `${part({ alg: "none" })}.${part({ sub: subject, iss: issuer, jti: randomUUID() })}.c2lnbmF0dXJl`;
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

const started = "2020-01-01T00:00:00Z";

function logOf(url: string, publicKey: Buffer): unknown {
  return {
    baseUrl: url,
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: publicKey.toString("base64"),
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      validFor: { start: started },
    },
    logId: { keyId: createHash("sha256").update(publicKey).digest("base64") },
  };
}

function authorityOf(url: string, ...certificates: readonly ArrayBufferView<ArrayBuffer>[]): unknown {
  return {
    subject: { organization: "sigstore.mock", commonName: "mock" },
    uri: url,
    certChain: {
      certificates: certificates.map(({ buffer, byteOffset, byteLength }) => ({
        rawBytes: Buffer.from(buffer, byteOffset, byteLength).toString("base64"),
      })),
    },
    validFor: { start: started },
  };
}

function keyPair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

const proposal = z.object({
  kind: z.literal("dsse"),
  spec: z.object({ proposedContent: z.object({ envelope: z.string(), verifiers: z.array(z.string()) }) }),
});
const envelope = z.object({ payload: z.string(), signatures: z.array(z.object({ sig: z.string() })) });

// Rekor keeps hashes of an envelope where the mock keeps the envelope.
function asRekorKeeps(proposed: object): object {
  const parsed = proposal.safeParse(proposed);
  if (!parsed.success) return proposed;
  const { envelope: json, verifiers } = parsed.data.spec.proposedContent;
  const { payload, signatures } = envelope.parse(JSON.parse(json));
  return {
    apiVersion: "0.0.1",
    kind: "dsse",
    spec: {
      envelopeHash: hash(json),
      payloadHash: hash(Buffer.from(payload, "base64")),
      signatures: signatures.map(({ sig }) => ({ signature: sig, verifier: verifiers[0] })),
    },
  };
}

function hash(bytes: Buffer | string): unknown {
  return { algorithm: "sha256", value: createHash("sha256").update(bytes).digest("hex") };
}
