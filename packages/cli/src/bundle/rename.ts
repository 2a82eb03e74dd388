import { formatReference, parseReference, type Reference, withDefaultTag } from "@lading/oci";
import { isReference } from "../locate.ts";
import { UsageError } from "../usage.ts";

/** A name, or the beginning of names, and what stands in its place. */
export interface Renaming {
  /** As it was written, and in full: `nginx` is `docker.io/library/nginx`. */
  readonly from: readonly string[];
  readonly to: string;
}

/** Reads `FROM=TO`: whole components of names, as in `ghcr.io/acme=registry.example.com/apps`. Throws UsageError. */
export function parseRenaming(text: string): Renaming {
  const [from = "", to = "", ...more] = text.split("=").map((each) => each.replace(/\/+$/, ""));
  if (from === "" || to === "" || more.length > 0)
    throw new UsageError(
      `Cannot use --rename "${text}": expected FROM=TO, as in ghcr.io/acme=registry.example.com/apps`,
    );
  return { from: isReference(from) ? [from, formatReference(parseReference(from))] : [from], to };
}

/** The name that an image gets: by the rule that says most of it, else its own. Throws UsageError. */
export function rename(name: string, rules: readonly Renaming[]): string {
  const [match] = rules
    .flatMap(({ from, to }) => from.map((beginning) => ({ beginning, to })))
    .filter(({ beginning }) => name.startsWith(beginning) && /^(?:[/:@]|$)/.test(name.slice(beginning.length)))
    .toSorted((a, b) => b.beginning.length - a.beginning.length);
  if (match === undefined) return name;
  const renamed = `${match.to}${name.slice(match.beginning.length)}`;
  if (!isReference(renamed))
    throw new UsageError(`Cannot rename ${name} to "${renamed}": that is no name of an image`, {
      hint: "A name is HOST/PATH:TAG, its path in lower case",
    });
  return formatReference(withDefaultTag(parseReference(renamed)));
}

/** A registry, with the beginning of the repositories that images go to there. */
export interface RegistryPrefix {
  readonly kind: "registry";
  readonly registry: string;
  /** "" for none. */
  readonly path: string;
}

/** `HOST[:PORT][/PREFIX]`; undefined for what is none. */
export function parseRegistryPrefix(text: string): RegistryPrefix | undefined {
  const clean = text.replace(/^docker:\/\//, "").replace(/\/+$/, "");
  const whole = `${clean}/image`;
  if (!/^(?:localhost$|[^/]*[.:])/.test(clean.split("/")[0] ?? "") || !isReference(whole)) return undefined;
  const { registry, repository } = parseReference(whole);
  return { kind: "registry", registry, path: repository.split("/").slice(0, -1).join("/") };
}

/** Where an image goes in a registry: below the prefix, without its own host; with it when `scoped`. What is named in that registry already stays. */
export function underPrefix(name: string, { registry, path }: RegistryPrefix, scoped: boolean): Reference {
  const reference = parseReference(name);
  if (reference.registry === registry) return reference;
  const parts = [path, scoped ? reference.registry.replace(/:\d+$/, "") : "", reference.repository];
  const repository = parts.filter((part) => part !== "").join("/");
  const { tag, digest } = reference;
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}
