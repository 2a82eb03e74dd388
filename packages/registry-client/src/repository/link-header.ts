import { RegistryError } from "../errors.ts";
import { redactText } from "../transport/redact.ts";

/**
 * The next page of a list: the target of the link with `rel=next` (RFC 8288, distribution-spec
 * §Listing Tags), against the URL of the page that named it. Undefined when there is none. Throws
 * RegistryError INVALID_RESPONSE for a header that cannot be read, UNSAFE_URL for a page of another
 * origin: credentials would go there (GHSA-h7vf-4x9w-h99v).
 */
export function nextPage(header: string | undefined, page: URL): URL | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  // A folded line counts as one.
  const links = parseLinks(header.replaceAll(/\s+/g, " "));
  const malformed = (): RegistryError =>
    new RegistryError("INVALID_RESPONSE", `Cannot follow the list at ${page.host}: malformed Link ${quote(header)}`);
  if (links === undefined) throw malformed();
  const target = links.find(({ rel }) =>
    rel
      .toLowerCase()
      .split(/[ \t]+/)
      .includes("next"),
  )?.target;
  if (target === undefined) return undefined;
  if (!URL.canParse(target, page.href)) throw malformed();
  const next = new URL(target, page);
  next.hash = "";
  if (next.origin !== page.origin)
    throw new RegistryError(
      "UNSAFE_URL",
      `Cannot follow the list at ${page.host}: its next page is at ${next.origin}, another origin`,
    );
  return next;
}

interface Link {
  readonly target: string;
  readonly rel: string;
}

// A registry may leave out the quotes of rel (olareg), and other links may have no brackets.
const linkPattern = /[ \t,]*(?:<([^<>]*)>|([^<>;,"\\\s]+))/y;
const parameterPattern =
  /[ \t]*;[ \t]*(?:([!#$&+\-.^_`|~0-9A-Za-z]+\*?)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"\\]*)))?)?/y;
const separatorPattern = /[ \t]*(?:,|$)/y;

function parseLinks(text: string): readonly Link[] | undefined {
  const links: Link[] = [];
  let at = 0;
  const next = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text) ?? undefined;
    if (match !== undefined) at = pattern.lastIndex;
    return match;
  };
  while (/[^ \t,]/.test(text.slice(at))) {
    const link = next(linkPattern);
    if (link === undefined) return undefined;
    let rel = "";
    for (let parameter = next(parameterPattern); parameter !== undefined; parameter = next(parameterPattern))
      // Of several, the first counts (RFC 8288 §3.3).
      if (rel === "" && parameter[1]?.toLowerCase() === "rel")
        rel = parameter[2]?.replaceAll(/\\(.)/g, "$1") ?? parameter[3] ?? "";
    if (next(separatorPattern) === undefined) return undefined;
    if (link[1] !== undefined) links.push({ target: link[1].trim(), rel });
  }
  return links;
}

function quote(text: string): string {
  return JSON.stringify(redactText(text));
}
