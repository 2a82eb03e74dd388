import { readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Options, parseReference } from "@lading/oci";
import type { Policy, PolicyImage, PolicyPlace } from "@lading/trust";
import type { Options as Flag } from "yargs";
import type { Flags } from "../flags.ts";
import { isFilePlace, isReference, parsePlaceArgument } from "../locate.ts";
import { UsageError } from "../usage.ts";
import type { Admission } from "./admission.ts";

/** The flag of commands that use images of others. */
export const policyOption: Readonly<Record<string, Flag>> = {
  policy: {
    type: "string",
    requiresArg: true,
    describe: "use only images that this file admits (YAML, or a policy.json of podman's); default: LADING_POLICY",
  },
};

/** What --policy or LADING_POLICY says; undefined when neither is there. The file is read once, when it is needed. */
export function admissionFrom(flags: Flags): Admission | undefined {
  const file = flags.text("policy") ?? process.env["LADING_POLICY"];
  if (file === undefined || file === "") return undefined;
  let policy: Promise<Policy> | undefined;
  const check = async (image: PolicyImage, options: Options = {}): Promise<void> => {
    const { admit } = await import("@lading/trust");
    await admit(await (policy ??= policyIn(file)), image, options);
  };
  return {
    admit: async (text, { source, descriptor, names }, options) =>
      await check({ source, descriptor, place: await placeOf(text, names), shown: text }, options),
    admitNamed: async (name, image, path, options) => {
      const names = name === undefined ? [] : [parseReference(name)];
      await check({ ...image, place: { transport: "oci-archive", path: await withoutLinks(path), names } }, options);
    },
  };
}

async function placeOf(text: string, names: readonly string[]): Promise<PolicyPlace> {
  const place = parsePlaceArgument(text);
  if (place.transport === "registry") return { transport: "docker", reference: withTag(place.reference) };
  if (!isFilePlace(place)) throw new UsageError(`Cannot judge "${text}" by a policy`);
  const claimed = names.filter(isFullName).map(parseReference);
  return { transport: place.transport, path: await withoutLinks(place.path), names: claimed };
}

// A policy speaks of where things are. A bundle in parts is called by a file that is not there.
async function withoutLinks(path: string): Promise<string> {
  return await realpath(path).catch(async () => join(await realpath(dirname(path)), basename(path)));
}

function withTag<T extends { readonly tag?: string; readonly digest?: unknown }>(reference: T): T {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

// A mere tag parses as a name of Docker Hub's, which it is not.
function isFullName(name: string): boolean {
  return name.includes("/") && isReference(name);
}

async function policyIn(file: string): Promise<Policy> {
  const read = async (path: string): Promise<string> =>
    await readFile(path, "utf8").catch((cause: unknown) => {
      throw new UsageError(`Cannot read "${path}", which the policy ${file} names`, { cause });
    });
  const content = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new UsageError(`Cannot read the policy "${file}"`, { cause });
  });
  const [{ readPolicy }, { parse }] = await Promise.all([import("@lading/trust"), import("yaml")]);
  let value: unknown;
  try {
    // JSON is YAML; a key twice is an error in both.
    value = parse(content, { uniqueKeys: true, maxAliasCount: 0 });
  } catch (cause) {
    throw new UsageError(`Cannot read the policy "${file}"`, { cause });
  }
  return await readPolicy(value, file, read);
}
