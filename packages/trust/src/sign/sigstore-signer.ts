import { sign as signBytes } from "node:crypto";
import { type Bundle, bundleToJSON, envelopeToJSON } from "@sigstore/bundle";
import { DSSEBundleBuilder, MessageSignatureBundleBuilder, type Signer, type Witness } from "@sigstore/sign";
import { jsonBytes } from "@lading/oci";
import { layerAnnotations } from "../attach/cosign-tag.ts";
import { statementType } from "../attest/statement.ts";
import type { SigningKey } from "../keys/signing-key.ts";
import type { ImageSigner } from "./image-signer.ts";

/** A signer of sigstore's that uses a key which lies here. */
export function localSigner({ privateKey, publicKey }: SigningKey): Signer {
  return {
    sign: async (data) => ({
      signature: signBytes("sha256", data, privateKey),
      // A hint here would become the envelope's keyid, by which cosign looks for a key of another fingerprint.
      key: { $case: "publicKey", publicKey: publicKey.pem },
    }),
  };
}

/** An image signer of any signer of sigstore's, with who sees what it signs; `hint` names the key in bundles. */
export function imageSigner(
  signer: Signer,
  witnesses: Readonly<Record<keyof ImageSigner, readonly Witness[]>>,
  hint?: string,
): ImageSigner {
  return {
    statement: async (statement) => {
      const bundle = await new DSSEBundleBuilder({ signer, witnesses: [...witnesses.statement] }).create({
        data: Buffer.from(statement),
        type: statementType,
      });
      const { content, timestampVerificationData } = bundle.verificationMaterial;
      if (timestampVerificationData?.rfc3161Timestamps.length === 0)
        bundle.verificationMaterial.timestampVerificationData = undefined;
      if (content.$case === "publicKey" && hint !== undefined) content.publicKey.hint = hint;
      const envelope = bundle.content.dsseEnvelope;
      return {
        bundle: jsonBytes(bundleToJSON(bundle)),
        envelope: jsonBytes(envelopeToJSON(envelope)),
        annotations: annotationsOf(bundle),
      };
    },
    payload: async (payload) =>
      annotationsOf(
        await new MessageSignatureBundleBuilder({ signer, witnesses: [...witnesses.payload] }).create({
          data: Buffer.from(payload),
        }),
      ),
  };
}

// What cosign 2 reads (pkg/oci/static/signature.go). An envelope has its signature in itself.
function annotationsOf({ content, verificationMaterial }: Bundle): Readonly<Record<string, string>> {
  const { content: material, tlogEntries, timestampVerificationData } = verificationMaterial;
  const signature = content.$case === "messageSignature" ? base64(content.messageSignature.signature) : "";
  const [leaf, ...chain] = certificatesOf(material).map(pem);
  const [entry] = tlogEntries;
  const [timestamp] = timestampVerificationData?.rfc3161Timestamps ?? [];
  return {
    [layerAnnotations.signature]: signature,
    ...(leaf === undefined ? {} : { [layerAnnotations.certificate]: leaf }),
    ...(chain.length === 0 ? {} : { [layerAnnotations.chain]: chain.join("") }),
    ...(entry?.inclusionPromise === undefined
      ? {}
      : {
          [layerAnnotations.logEntry]: JSON.stringify({
            SignedEntryTimestamp: base64(entry.inclusionPromise.signedEntryTimestamp),
            Payload: {
              body: base64(entry.canonicalizedBody),
              integratedTime: Number(entry.integratedTime),
              logIndex: Number(entry.logIndex),
              logID: Buffer.from(entry.logId.keyId).toString("hex"),
            },
          }),
        }),
    ...(timestamp === undefined
      ? {}
      : {
          [layerAnnotations.timestamp]: JSON.stringify({ SignedRFC3161Timestamp: base64(timestamp.signedTimestamp) }),
        }),
  };
}

function certificatesOf(
  material: Bundle["verificationMaterial"]["content"],
): readonly { readonly rawBytes: Uint8Array }[] {
  if (material.$case === "certificate") return [material.certificate];
  return material.$case === "x509CertificateChain" ? material.x509CertificateChain.certificates : [];
}

function pem({ rawBytes }: { readonly rawBytes: Uint8Array }): string {
  return `-----BEGIN CERTIFICATE-----\n${base64(rawBytes).replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
