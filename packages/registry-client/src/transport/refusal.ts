import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { RegistryError, type RegistryErrorCode, type RegistryMessage } from "../errors.ts";
import { oneLine } from "./redact.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** Statuses that may be gone with the next attempt. 499 and 522 are those of proxies: nginx, Cloudflare. */
export const transientStatuses: ReadonlySet<number> = new Set([408, 425, 429, 499, 500, 502, 503, 504, 522]);

const bodySchema = z.object({
  errors: z.array(
    z
      .object({ code: z.unknown(), message: z.unknown(), detail: z.unknown().optional() })
      .partial({ code: true, message: true }),
  ),
});

/** An answer that is no success, read. */
export interface Refusal {
  /** `GET https://host/v2/…`, redacted. */
  readonly what: string;
  /** As names have it: `docker.io`. */
  readonly registry: string;
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** The first 64 KiB of the body. */
  readonly body: Uint8Array;
  readonly now: number;
  /** Whether credentials were sent. */
  readonly authenticated: boolean;
  /** What is known of the credentials, for who is refused. */
  readonly help: string | undefined;
}

/** The error that an answer means. */
export function refusalError(refusal: Refusal): RegistryError {
  const { what, status, header, now } = refusal;
  const { messages, text } = readBody(refusal);
  const codes = messages.map(({ code }) => code);
  const code = errorCode(status, codes);
  const named = STATUS_CODES[status];
  const title = named === undefined ? String(status) : `${status} ${named}`;
  // The registry's own code says more than the name of the status.
  const said = messages.length > 0 ? `${status} ${text}` : [title, text].filter((part) => part !== "").join(": ");
  const retryAfter = parseRetryAfter(header("retry-after"), now);
  const help = hint(refusal, code, codes);
  return new RegistryError(code, `${what}: ${said}${aside(refusal, code)}`, {
    status,
    messages,
    transient: transientStatuses.has(status) || code === "RATE_LIMITED",
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(help === undefined ? {} : { hint: help }),
  });
}

/** What a status means, and codes that a registry gives with it. */
export function errorCode(status: number, codes: readonly string[] = []): RegistryErrorCode {
  if (status === 429 || codes.includes("TOOMANYREQUESTS")) return "RATE_LIMITED";
  if (status === 401) return "UNAUTHORIZED";
  if (status === 402 || status === 403 || codes.includes("DENIED")) return "DENIED";
  if (status === 404 || status === 410) return "NOT_FOUND";
  if (status === 405 || status === 501 || codes.includes("UNSUPPORTED")) return "UNSUPPORTED";
  if (status >= 500 || transientStatuses.has(status)) return "UNAVAILABLE";
  return status >= 400 ? "REFUSED" : "INVALID_RESPONSE";
}

function readBody({ body, header }: Refusal): { readonly messages: readonly RegistryMessage[]; readonly text: string } {
  const text = new TextDecoder().decode(body);
  const messages = readMessages(text);
  if (messages.length > 0)
    return {
      messages,
      text: oneLine(messages.map(({ code, message }) => (message === "" ? code : `${code}: ${message}`)).join("; ")),
    };
  if (!isHtml(header("content-type"), body)) return { messages, text: oneLine(text, 200) };
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(text.slice(0, 4096))?.[1] ?? "";
  return { messages, text: title.trim() === "" ? "an HTML page" : `an HTML page, "${oneLine(title, 100)}"` };
}

function readMessages(text: string): readonly RegistryMessage[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return [];
  }
  const parsed = bodySchema.safeParse(document);
  if (!parsed.success) return [];
  // Codes and messages are shown, so they are made harmless; some registries send numbers as codes.
  return parsed.data.errors.slice(0, 10).map((entry) => {
    const code = oneLine(word(entry.code) || "UNKNOWN", 60);
    const message = oneLine(word(entry.message));
    return entry.detail === undefined ? { code, message } : { code, message, detail: entry.detail };
  });
}

function word(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

// Docker Hub answers 401 for a repository that does not exist, also to who is logged in.
function aside({ status, registry, header }: Refusal, code: RegistryErrorCode): string {
  if (code === "RATE_LIMITED") {
    const limit = header("ratelimit-limit");
    const remaining = header("ratelimit-remaining");
    if (limit === undefined) return "";
    return ` (limit ${oneLine(limit, 40)}${remaining === undefined ? "" : `, remaining ${oneLine(remaining, 40)}`})`;
  }
  return status === 401 && registry === "docker.io" ? " (no such repository, or no access to it)" : "";
}

function hint(refusal: Refusal, code: RegistryErrorCode, codes: readonly string[]): string | undefined {
  const { registry, authenticated, header, body, help } = refusal;
  const login = `lading login ${registry}`;
  if (code === "UNAUTHORIZED") {
    if (registry === "docker.io")
      return `Check the name; a private repository needs "${login}" with a user who may read it`;
    return help ?? (authenticated ? `The credentials were not taken: use "${login}" with others` : `Use "${login}"`);
  }
  // A user with every right meets a quota too.
  if (code === "DENIED" && /quota|exceed|storage resource|upper limit/i.test(said(refusal)))
    return `Make room in ${registry}, or have the quota raised`;
  if (code === "DENIED") return authenticated ? help : `Nobody is logged in: use "${login}"`;
  if (code === "RATE_LIMITED") {
    const reset = header("ratelimit-reset");
    const when = reset === undefined ? "" : `; it is reset in ${oneLine(reset, 40)} s`;
    return authenticated ? `Try again later${when}` : `Logged-in users may do more: "${login}"${when}`;
  }
  if (codes.length === 0 && isHtml(header("content-type"), body)) return `Is ${registry} a registry?`;
  return code === "UNAVAILABLE" ? `The trouble is on the side of ${registry}: try again later` : undefined;
}

function said(refusal: Refusal): string {
  return readBody(refusal).text;
}

function isHtml(contentType: string | undefined, body: Uint8Array): boolean {
  if (body.byteLength === 0) return false;
  return (
    /html/i.test(contentType ?? "") || /^\s*<(?:!doctype|html)/i.test(Buffer.from(body.subarray(0, 100)).toString())
  );
}
