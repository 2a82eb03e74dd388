import { filesPositional, verifyFile, verifyOptions } from "../../bundle/verify-opened.ts";
import type { Command } from "../../program.ts";
import type { VerifiedImage } from "@lading/trust";
import { formatCount, formatSize } from "../../progress/quantity.ts";
import { printable } from "../../progress/terminal.ts";
import { signatoryName } from "../../trust/signatory-name.ts";

export const command: Command = {
  positionals: filesPositional,
  options: verifyOptions,
  examples: [
    ["bundle verify site.tar", "all that is in it is what its digests say"],
    ["bundle verify site.tar --digest sha256:…", "and it is the very bundle that was made"],
    ["bundle verify site.tar --key cosign.pub", "and each of its images was signed by this key"],
    ["bundle verify site.tar --policy site.yaml", "and a policy admits each of them"],
    ["bundle verify monday.tar --base site.tar", "a delta, with what it builds on"],
  ],
  run: async ({ flags, signal }) => {
    const { bundle, blobs, bytes, missing, signed } = await verifyFile(flags, signal);
    if (flags.on("json")) {
      const document = {
        digest: bundle.digest,
        images: bundle.images.length,
        blobs,
        bytes,
        ...(bundle.delta === undefined ? {} : { since: bundle.delta.since }),
        ...(signed.length === 0 ? {} : { signatures: signaturesOf(signed) }),
        missing: missing.map(({ digest, size }) => ({ digest, size })),
      };
      process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
      return;
    }
    if (!flags.on("quiet"))
      process.stderr.write(
        `${formatCount(bundle.images.length, "image")}, ${formatCount(blobs, "blob")}, ${formatSize(bytes)}: whole and unchanged\n`,
      );
    if (!flags.on("quiet"))
      for (const { digest, signatures } of signed)
        for (const { signatory, form } of signatures)
          process.stderr.write(`${digest} signed by ${printable(signatoryName(signatory))} (${form})\n`);
    if (!flags.on("quiet") && missing.length > 0)
      process.stderr.write(
        `${formatCount(missing.length, "blob")} of ${bundle.delta?.since} must be there already, where it is loaded\n`,
      );
    process.stdout.write(`${bundle.digest}\n`);
  },
};

function signaturesOf(signed: readonly VerifiedImage[]): readonly object[] {
  return signed.flatMap(({ digest, signatures }) =>
    signatures.map(({ form, signatory }) => ({ digest, form, by: signatoryName(signatory) })),
  );
}
