import { formatReference, parseReference, type Reference } from "@lading/oci";
import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";

/*
 * registries.conf of podman, skopeo and buildah (containers-registries.conf(5)). Read as they read it,
 * but for one quirk that they mean to mend: a prefix without a port does not match a registry with one.
 * Short names are not resolved by it (`unqualified-search-registries`, `aliases`): `alpine` is Docker
 * Hub's on every machine.
 */

export interface RegistriesConf {
  readonly registries: readonly RegistryEntry[];
  /** Undefined: not set. "containers-auth.json" stands for the files of credentials. */
  readonly credentialHelpers?: readonly string[];
}

export interface RegistryEntry {
  readonly prefix: string;
  /** Empty for a prefix with a wildcard: the name stays as it is. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorEntry[];
}

interface MirrorEntry {
  readonly location: string;
  readonly insecure: boolean;
  readonly use: "all" | "digest-only" | "tag-only";
}

const endpoint = z.object({
  location: z.string().default(""),
  insecure: z.boolean().default(false),
  "pull-from-mirror": z.enum(["", "all", "digest-only", "tag-only"]).default(""),
});
const lists = z.object({ registries: z.array(z.string()).default([]) }).optional();
const confDocument = z.object({
  "credential-helpers": z.array(z.string().regex(/^[^/]+$/, "Not the name of a helper")).optional(),
  registry: z
    .array(
      endpoint.extend({
        prefix: z.string().default(""),
        blocked: z.boolean().default(false),
        "mirror-by-digest-only": z.boolean().default(false),
        mirror: z.array(endpoint).default([]),
      }),
    )
    .optional(),
  "unqualified-search-registries": z.array(z.string()).optional(),
  // Version 1.
  registries: z.object({ search: lists, insecure: lists, block: lists }).optional(),
});
type ConfDocument = z.infer<typeof confDocument>;

/** Parses one file. Files of registries.conf.d must not be of version 1. Throws SyntaxError, whose message is the reason alone. */
export function parseRegistriesConf(text: string, dropIn = false): RegistriesConf {
  const document = readDocument(text);
  const { registries: old, registry = [] } = document;
  if (old !== undefined) {
    if (dropIn) throw new SyntaxError("version 1 of the format is not for registries.conf.d");
    if (document.registry !== undefined || document["unqualified-search-registries"] !== undefined)
      throw new SyntaxError("versions 1 and 2 of the format are mixed");
  }
  const entries = [...registry.map(readEntry), ...(old === undefined ? [] : readVersion1(old))];
  refuseConflicts(entries);
  const helpers = document["credential-helpers"];
  return { registries: firstOfEach(entries), ...(helpers === undefined ? {} : { credentialHelpers: helpers }) };
}

/** What is in `over` takes the place of entries with the same prefix. */
export function mergeRegistriesConf(base: RegistriesConf, over: RegistriesConf): RegistriesConf {
  const helpers = over.credentialHelpers ?? base.credentialHelpers;
  return {
    registries: firstOfEach([...over.registries, ...base.registries]),
    ...(helpers === undefined ? {} : { credentialHelpers: helpers }),
  };
}

/** The entry with the longest prefix of a reference. */
export function findRegistry(conf: RegistriesConf, reference: Reference): RegistryEntry | undefined {
  const text = nameOf(reference);
  let best: RegistryEntry | undefined;
  for (const entry of conf.registries)
    if (matchPrefix(text, entry.prefix) !== undefined && entry.prefix.length > (best?.prefix.length ?? 0)) best = entry;
  return best;
}

/** The reference at a location; tag and digest stay. Throws SyntaxError when it cannot be a name. */
export function relocate(reference: Reference, prefix: string, location: string): Reference {
  if (location === "") return reference;
  const text = nameOf(reference);
  const moved = location + text.slice(matchPrefix(text, prefix));
  const parsed = parseReference(moved);
  if (formatReference(parsed) !== moved || nameOf(parsed) !== moved)
    throw new SyntaxError(
      `Cannot find ${text} at ${JSON.stringify(location)}: ${JSON.stringify(moved)} is no full name`,
    );
  return { ...reference, registry: parsed.registry, repository: parsed.repository };
}

/**
 * How much of a full name, without tag and digest, a prefix is; undefined when it is none. The manual
 * page has prefixes with a tag, but podman and skopeo look for names alone.
 */
export function matchPrefix(name: string, prefix: string): number | undefined {
  if (prefix.startsWith("*.")) {
    const host = /^[^:/]*/.exec(name)?.[0] ?? "";
    return host.endsWith(prefix.slice(1)) && host.length >= prefix.length ? host.length : undefined;
  }
  return name === prefix || name.startsWith(`${prefix}/`) ? prefix.length : undefined;
}

function nameOf({ registry, repository }: Reference): string {
  return `${registry}/${repository}`;
}

function readDocument(text: string): ConfDocument {
  let document: unknown;
  try {
    document = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new SyntaxError(`${reason} at line ${error.line}, column ${error.column}`, { cause: error });
  }
  const parsed = confDocument.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SyntaxError(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`, { cause: parsed.error });
}

function readEntry(entry: NonNullable<ConfDocument["registry"]>[number]): RegistryEntry {
  const location = readLocation(entry.location);
  const prefix = entry.prefix === "" ? location : readLocation(entry.prefix);
  const wildcard = prefix.startsWith("*.");
  if (prefix === "") throw new SyntaxError("a registry has neither prefix nor location");
  if (wildcard && /[/@:]/.test(prefix))
    throw new SyntaxError(`a prefix with a wildcard is like "*.example.com", not ${JSON.stringify(prefix)}`);
  if (!wildcard && location === "") throw new SyntaxError(`registry ${JSON.stringify(prefix)} has no location`);
  if (entry["pull-from-mirror"] !== "")
    throw new SyntaxError(`pull-from-mirror is for mirrors, not for registry ${JSON.stringify(prefix)}`);
  const mirrors = entry.mirror.map((mirror): MirrorEntry => {
    const at = readLocation(mirror.location);
    const use = mirror["pull-from-mirror"];
    if (at === "") throw new SyntaxError(`a mirror of ${JSON.stringify(prefix)} has no location`);
    if (entry["mirror-by-digest-only"] && use !== "")
      throw new SyntaxError(
        `${JSON.stringify(prefix)} has mirror-by-digest-only, and its mirror ${JSON.stringify(at)} pull-from-mirror`,
      );
    return {
      location: at,
      insecure: mirror.insecure,
      use: entry["mirror-by-digest-only"] ? "digest-only" : use || "all",
    };
  });
  return { prefix, location, insecure: entry.insecure, blocked: entry.blocked, mirrors };
}

function readVersion1(old: NonNullable<ConfDocument["registries"]>): readonly RegistryEntry[] {
  const blocked = new Set((old.block?.registries ?? []).map(readLocation));
  const insecure = new Set((old.insecure?.registries ?? []).map(readLocation));
  return [...new Set([...blocked, ...insecure])].map((location) => ({
    prefix: location,
    location,
    insecure: insecure.has(location),
    blocked: blocked.has(location),
    mirrors: [],
  }));
}

function readLocation(text: string): string {
  if (/^https?:\/\//.test(text))
    throw new SyntaxError(`location ${JSON.stringify(text)} is a URL; leave the scheme out`);
  return text.replace(/\/+$/, "");
}

function refuseConflicts(entries: readonly RegistryEntry[]): void {
  const seen = new Map<string, RegistryEntry>();
  for (const entry of entries) {
    const key = entry.location === "" ? entry.prefix : entry.location;
    const other = seen.get(key) ?? entry;
    seen.set(key, other);
    for (const setting of ["insecure", "blocked"] as const)
      if (entry[setting] !== other[setting])
        throw new SyntaxError(`registry ${JSON.stringify(key)} is there twice, with and without ${setting}`);
  }
}

function firstOfEach(entries: readonly RegistryEntry[]): readonly RegistryEntry[] {
  const byPrefix = new Map<string, RegistryEntry>();
  for (const entry of entries) if (!byPrefix.has(entry.prefix)) byPrefix.set(entry.prefix, entry);
  return [...byPrefix.values()];
}
