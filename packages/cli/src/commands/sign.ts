import { type Descriptor, formatReference, isTag, parseReference } from "@lading/oci";
import type { SignatureForm } from "@lading/trust";
import { isReference, type Located, locate, parsePlaceArgument } from "../locate.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { annotationsFrom } from "../trust/annotations.ts";
import { attach, checkAttachable } from "../trust/attach.ts";
import { signerFrom, signingOptions } from "../trust/signing-flags.ts";
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
    form: {
      type: "string",
      requiresArg: true,
      choices: ["both", "bundle", "tag"],
      describe: "bundle: for cosign 3; tag: for cosign 2, podman and skopeo; default: both",
    },
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
    const form = flags.text("form") ?? "both";
    const forms = formsNamed(form);
    await using registries = Registries.from(flags, [text]);
    const signer = await signerFrom(flags, signal);
    const located = await locate(text, registries, { signal });
    const subjects = await subjectsAt(located, flags.on("recursive"), { signal });
    const { signImage } = await import("@lading/trust");
    const artifacts = [];
    for (const subject of subjects)
      artifacts.push(
        ...(await signImage(signer, subject, located.source, {
          reference: reference ?? signedName(text, located, subject),
          annotations,
          forms,
          created: createdAt(process.env["SOURCE_DATE_EPOCH"]),
          signal,
        })),
      );
    await attach(text, located, artifacts, registries, { signal });

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

function formsNamed(form: string): readonly SignatureForm[] {
  return form === "bundle" || form === "tag" ? [form] : ["bundle", "tag"];
}

// With its tag: podman's default policy takes no signature for a whole repository.
function signedName(text: string, { names, descriptor }: Located, subject: Descriptor): string | undefined {
  const place = parsePlaceArgument(text);
  const name = names.find((each) => isReference(each) && !isTag(each));
  if (name !== undefined && subject.digest === descriptor.digest) return name;
  const reference =
    place.transport === "registry" ? place.reference : name === undefined ? undefined : parseReference(name);
  if (reference === undefined) return undefined;
  const { registry, repository } = reference;
  return formatReference({ registry, repository, digest: subject.digest });
}

function identityFrom(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return formatReference(parseReference(text));
  } catch (cause) {
    throw new UsageError(`Cannot use --sign-container-identity "${text}"`, { cause });
  }
}

/** When signatures say that they were made: SOURCE_DATE_EPOCH, else now. */
export function createdAt(epoch: string | undefined): Date {
  return epoch !== undefined && /^\d{1,11}$/.test(epoch) ? new Date(Number(epoch) * 1000) : new Date();
}
