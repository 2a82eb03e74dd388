import { createHash, type KeyObject, sign } from "node:crypto";
import { z } from "zod";

const request = z.object({
  dsseRequestV002: z.object({
    envelope: z.object({ payload: z.string(), signatures: z.array(z.object({ sig: z.string() })) }),
    verifiers: z.array(z.object({ keyDetails: z.string(), x509Certificate: z.object({ rawBytes: z.string() }) })),
  }),
});

/**
 * What a Rekor of version 2 answers to an envelope: an entry that is the only one of its log, without a time. `origin` is
 * what the log calls itself.
 */
export function logEntryV2(
  body: string,
  origin: string,
  { publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
): string {
  const { envelope, verifiers } = request.parse(JSON.parse(body)).dsseRequestV002;
  const [{ keyDetails, x509Certificate } = { keyDetails: "", x509Certificate: undefined }] = verifiers;
  // Keys in the order of canonical JSON.
  const entry = {
    apiVersion: "0.0.2",
    kind: "dsse",
    spec: {
      dsseV002: {
        payloadHash: { algorithm: "SHA2_256", digest: base64(hash(Buffer.from(envelope.payload, "base64"))) },
        signatures: envelope.signatures.map(({ sig }) => ({ content: sig, verifier: { keyDetails, x509Certificate } })),
      },
    },
  };
  const canonical = Buffer.from(JSON.stringify(entry));
  const keyId = hash(publicKey.export({ type: "spki", format: "der" }));
  const rootHash = base64(hash(Buffer.concat([Buffer.of(0), canonical])));
  const note = `${origin}\n1\n${rootHash}\n`;
  const signature = base64(Buffer.concat([keyId.subarray(0, 4), sign("sha256", Buffer.from(note), privateKey)]));
  return JSON.stringify({
    logIndex: "0",
    logId: { keyId: base64(keyId) },
    kindVersion: { kind: "dsse", version: "0.0.2" },
    integratedTime: "0",
    inclusionProof: {
      logIndex: "0",
      rootHash,
      treeSize: "1",
      hashes: [],
      checkpoint: { envelope: `${note}\n— ${origin} ${signature}\n` },
    },
    canonicalizedBody: base64(canonical),
  });
}

function hash(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
