import { readFile } from "node:fs/promises";
import { text as readText } from "node:stream/consumers";
import { formatReference, parseJson, parseReference } from "@lading/oci";
import { isReference, type Located, locate, parsePlaceArgument } from "../locate.ts";
import type { Command } from "../program.ts";
import { Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { attachAt, checkAttachable } from "../trust/attach.ts";
import { predicateTypeFrom } from "../trust/predicate-type.ts";
import { formsFrom, signerFrom, signingOptions, signingTime } from "../trust/signing-flags.ts";
import { subjectsAt } from "../trust/subjects.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is: a registry, oci:DIR or oci-archive:FILE" } },
  options: {
    predicate: { type: "string", requiresArg: true, describe: "file with what is stated, a JSON object; - for stdin" },
    type: {
      type: "string",
      requiresArg: true,
      default: "custom",
      describe: "what kind of statement: slsaprovenance1, cyclonedx, spdx, vuln, openvex, …, or a URI",
    },
    ...signingOptions,
    recursive: { alias: "r", type: "boolean", describe: "of an index, attest the same of its images" },
    ...registryOptions,
  },
  examples: [
    ["attest --key cosign.key --type cyclonedx --predicate sbom.json ghcr.io/acme/app:1", "what is in it"],
    ["attest --key cosign.key --type https://acme.example/checked/v1 --predicate - oci:app", "anything else"],
  ],
  run: async ({ flags, signal }) => {
    const text = flags.required("place");
    checkAttachable(text);
    const predicateType = await predicateTypeFrom(flags.text("type") ?? "custom");
    const predicate = await predicateFrom(flags.text("predicate"));
    await using registries = Registries.from(flags, [text]);
    const signer = await signerFrom(flags, signal);
    const located = await locate(text, registries, { signal });
    const { attestImage, statementOf } = await import("@lading/trust");
    const artifacts = [];
    for (const subject of await subjectsAt(located, flags.on("recursive"), { signal })) {
      const statement = statementOf([subject], predicateType, predicate, repositoryName(text, located));
      const options = { signer, forms: formsFrom(flags), created: signingTime(), signal };
      artifacts.push(...(await attestImage(subject, [statement], located.source, options)));
    }
    await attachAt(text, located, artifacts, registries, { signal });

    const { digest } = located.descriptor;
    const attestations = artifacts.map(({ subject, descriptor, tag }) => ({
      subject: subject.digest,
      digest: descriptor.digest,
      tag,
    }));
    process.stdout.write(
      flags.on("json") ? `${JSON.stringify({ digest, predicateType, attestations })}\n` : `${digest}\n`,
    );
  },
};

const predicateLimit = 32 * 1024 * 1024;

async function predicateFrom(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (file === undefined) throw new UsageError("Cannot attest without --predicate FILE: that is what is stated");
  const content = await (file === "-" ? readText(process.stdin) : readFile(file, "utf8")).catch((cause: unknown) => {
    throw new UsageError(`Cannot read the predicate "${file}"`, { cause });
  });
  const value = parseJson(content, { what: `predicate ${file}`, limit: predicateLimit });
  if (!isObject(value)) throw new UsageError(`Cannot attest "${file}": a predicate is a JSON object`);
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function repositoryName(text: string, { names }: Located): string | undefined {
  const place = parsePlaceArgument(text);
  const name = names.find(isReference);
  const reference =
    place.transport === "registry" ? place.reference : name === undefined ? undefined : parseReference(name);
  return reference === undefined
    ? undefined
    : formatReference({ registry: reference.registry, repository: reference.repository });
}
