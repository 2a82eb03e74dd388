import { readBlob } from "@lading/oci";
import type { VerifiedImage } from "@lading/trust";
import { locate } from "../locate.ts";
import { openPlatform } from "../open-platform.ts";
import type { Command } from "../program.ts";
import { printable } from "../progress/terminal.ts";
import { naming, Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { annotationsFrom } from "../trust/annotations.ts";
import { predicateTypeFrom } from "../trust/predicate-type.ts";
import { signatoryName } from "../trust/signatory-name.ts";
import { subjectsAt } from "../trust/subjects.ts";
import { trustFrom, trustOptions } from "../trust/trust-flags.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is" } },
  options: {
    ...trustOptions,
    annotations: {
      alias: "a",
      type: "string",
      array: true,
      requiresArg: true,
      describe: "KEY=VALUE that must have been signed along",
    },
    attestation: { type: "boolean", describe: "look for an attestation in place of a signature" },
    type: { type: "string", requiresArg: true, describe: "of this kind, as `lading attest` has them; default: custom" },
    recursive: { alias: "r", type: "boolean", describe: "of an index, its images must be signed as well" },
    platform: { type: "string", requiresArg: true, describe: "the image for this platform, and not the index" },
    ...registryOptions,
  },
  examples: [
    ["verify --key cosign.pub ghcr.io/acme/app:1", "prints the digest that was verified"],
    ["verify --key cosign.pub --attestation --type cyclonedx --json oci-archive:app.tar", "with what was attested"],
    [
      "verify --certificate-identity ci@acme.example --certificate-oidc-issuer https://id.acme.example --trusted-root root.json oci:app",
      "signed without a key, offline",
    ],
  ],
  run: async ({ flags, signal }) => {
    const text = flags.required("place");
    const trust = await trustFrom(flags);
    if (trust === undefined)
      throw new UsageError("Cannot verify without knowing whose signature counts", {
        hint: "Give --key cosign.pub, or --certificate-identity, --certificate-oidc-issuer and --trusted-root",
      });
    const annotations = annotationsFrom(flags);
    const type = flags.text("type");
    const predicateType =
      flags.on("attestation") || type !== undefined ? await predicateTypeFrom(type ?? "custom") : undefined;
    await using registries = Registries.from(flags, [text]);
    const located = await locate(text, registries, { signal });
    const platform = flags.text("platform");
    const root =
      platform === undefined
        ? located
        : { ...located, descriptor: (await openPlatform(located, platform, { signal })).descriptor };
    const { verifyImage } = await import("@lading/trust");
    const verified: VerifiedImage[] = [];
    for (const subject of await subjectsAt(root, flags.on("recursive"), { signal })) {
      // A signature is about a digest: what the place has under it must be that.
      await naming(located.shown, async () => await readBlob(located.source.blob(subject), { signal }));
      verified.push(await verifyImage(located.source, subject, { trust, predicateType, annotations, signal }));
    }

    if (flags.on("json")) {
      process.stdout.write(`${JSON.stringify(documentOf(root.descriptor.digest, verified), undefined, 2)}\n`);
      return;
    }
    if (!flags.on("quiet"))
      for (const { digest, signatures } of verified)
        for (const { signatory, form } of signatures)
          process.stderr.write(
            `${digest} ${predicateType === undefined ? "signed" : "attested"} by ${printable(signatoryName(signatory))} (${form})\n`,
          );
    process.stdout.write(`${root.descriptor.digest}\n`);
  },
};

function documentOf(digest: string, verified: readonly VerifiedImage[]): unknown {
  return {
    digest,
    images: verified.map((image) => ({
      digest: image.digest,
      signatures: image.signatures.map(({ digest: of, form, signatory, claim }) => ({
        digest: of,
        form,
        ...("key" in signatory ? { key: signatory.key.hint } : signatory),
        predicateType: claim.predicateType,
        predicate: claim.predicate,
        annotations: claim.annotations,
        ...(claim.reference === undefined ? {} : { reference: claim.reference }),
      })),
      rejected: image.rejected,
    })),
  };
}
