import { formatReference, isTag, parseReference } from "@lading/oci";
import { isReference, type Located, locate, parsePlaceArgument } from "../locate.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { annotationsFrom } from "../trust/annotations.ts";
import { attachAt, checkAttachable } from "../trust/attach.ts";
import { formsFrom, signerFrom, signingOptions, signingTime } from "../trust/signing-flags.ts";
import { subjectsAt } from "../trust/subjects.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is: a registry, oci:DIR or oci-archive:FILE" } },
  options: {
    ...signingOptions,
    annotations: {
      alias: "a",
      type: "string",
      array: true,
      requiresArg: true,
      describe: "KEY=VALUE to sign along",
    },
    recursive: { alias: "r", type: "boolean", describe: "of an index, sign its images as well" },
    "sign-container-identity": {
      type: "string",
      requiresArg: true,
      describe: "name that is signed, which podman's policies look at; default: the one of PLACE",
    },
    ...registryOptions,
  },
  examples: [
    ["sign --key cosign.key ghcr.io/acme/app:1", "needs no service: the key is enough"],
    ["sign --key cosign.key oci-archive:app.tar", "before it goes anywhere"],
    ["sign --keyless ghcr.io/acme/app:1", "in a CI job that has an identity token"],
  ],
  run: async ({ flags, signal }) => {
    const text = flags.required("place");
    checkAttachable(text);
    const annotations = annotationsFrom(flags);
    const reference = identityFrom(flags.text("sign-container-identity"));
    const forms = formsFrom(flags);
    await using registries = Registries.from(flags, [text]);
    const signer = await signerFrom(flags, signal);
    const located = await locate(text, registries, { signal });
    const subjects = await subjectsAt(located, flags.on("recursive"), { signal });
    const { signImage } = await import("@lading/trust");
    const artifacts = [];
    for (const subject of subjects)
      artifacts.push(
        ...(await signImage(signer, subject, located.source, {
          references: reference === undefined ? signedNames(text, located) : [reference],
          annotations,
          forms,
          created: signingTime(),
          signal,
        })),
      );
    await attachAt(text, located, artifacts, registries, { signal });

    const { digest } = located.descriptor;
    if (flags.on("json")) {
      const written = artifacts.map(({ subject, descriptor, tag }) => ({
        subject: subject.digest,
        digest: descriptor.digest,
        tag,
      }));
      process.stdout.write(`${JSON.stringify({ digest, signatures: written })}\n`);
    } else process.stdout.write(`${digest}\n`);
  },
};

// With its tag: podman's default policy takes no signature for a whole repository. Of an index its images have the same
// name, which is what podman pulls them by.
function signedNames(text: string, { names, descriptor }: Located): readonly string[] {
  const place = parsePlaceArgument(text);
  const name = names.find((each) => isReference(each) && !isTag(each));
  if (name !== undefined) return [name];
  if (place.transport !== "registry") return [];
  const { registry, repository } = place.reference;
  return [formatReference({ registry, repository, digest: descriptor.digest })];
}

function identityFrom(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return formatReference(parseReference(text));
  } catch (cause) {
    throw new UsageError(`Cannot use --sign-container-identity "${text}"`, { cause });
  }
}
