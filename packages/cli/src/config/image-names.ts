import type { BuildSpec } from "@lading/builder";
import { formatReference, isTag, parseReference, type Reference, withDefaultTag } from "@lading/oci";
import { ConfigError } from "./config-error.ts";
import { UsageError } from "../usage.ts";

/**
 * The full names an image gets, `latest` filled in, each once. `--tag` takes the place of the
 * description's tags; a bare tag (`1.2`) is one of the description's `name`, when it has one.
 */
export function imageNames(spec: BuildSpec, tags: readonly string[]): readonly string[] {
  const base =
    spec.name === undefined
      ? undefined
      : parseName(spec.name, (message) => new ConfigError([{ message: `name: ${message}` }]));
  const given = tags.length > 0 ? tags : (spec.tags ?? []);
  const complain = (message: string): Error =>
    tags.length > 0 ? new UsageError(message) : new ConfigError([{ message: `tags: ${message}` }]);

  const references = given.map((tag) =>
    base !== undefined && isTag(tag) ? withTag(base, tag) : parseName(tag, complain),
  );
  // `name: app` with `tags: ["1.2"]` asks for no app:latest.
  const tagged = base !== undefined && references.some((reference) => sameRepository(reference, base));
  const own = base === undefined || tags.length > 0 || (tagged && base.tag === undefined) ? [] : [base];
  const all = [...own, ...references];
  return [...new Set(all.map((reference) => formatReference(withDefaultTag(reference))))];
}

/** A file name for an image: the last component of its name, or of the folder it is built from. */
export function fileStem(names: readonly string[], folder: string): string {
  const first = names[0];
  const source = first === undefined ? folder : parseReference(first).repository;
  const stem = source.split("/").findLast((part) => part !== "") ?? "";
  return stem.replaceAll(/[^\w.-]+/g, "-").replace(/^[.-]+/, "") || "image";
}

/** The tag of a full name. */
export function tagOf(name: string): string {
  return parseReference(name).tag ?? "";
}

function withTag({ registry, repository }: Reference, tag: string): Reference {
  return { registry, repository, tag };
}

function sameRepository(a: Reference, b: Reference): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}

function parseName(text: string, complain: (message: string) => Error): Reference {
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    throw complain(error instanceof Error ? error.message : String(error));
  }
  if (reference.digest !== undefined)
    throw complain(`Cannot name an image "${text}": the digest comes out of the build`);
  return reference;
}
