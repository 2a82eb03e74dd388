import type { Options } from "@lading/oci";
import { z } from "zod";
import { RegistryError, type RegistryMessage } from "../errors.ts";
import { parseRetryAfter } from "../transport/retry-after.ts";
import type { Credential, FoundCredential } from "./credential.ts";
import { deleteAsWildcard } from "./scopes.ts";

/** Sends a request to a token server; carries no credentials but what is in `headers` and `body`; guarded against unsafe addresses and downgrade. */
export type TokenFetch = (
  request: {
    readonly method: "GET" | "POST";
    readonly url: URL;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  } & Options,
) => Promise<TokenResponse>;

interface TokenResponse {
  readonly status: number;
  readonly url: URL;
  header(name: string): string | undefined;
  readonly body: Uint8Array;
}

export interface TokenRequest {
  readonly registry: string;
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Undefined: anonymously. */
  readonly found: FoundCredential | undefined;
}

export interface Token {
  readonly token: string;
  /** Seconds it is good for, counted from when it was issued. */
  readonly lifetime: number;
  /** Seconds since it was issued, by the token server's own clock: ours may be wrong. */
  readonly age: number;
  /** Takes the place of the refresh token that was sent. */
  readonly refreshToken?: string;
}

const clientId = "lading";
const maxBody = 256 * 1024;
/** Seconds. The default of the specification, and no token is thought to last less: requests would outnumber uses. */
const minLifetime = 60;
/** Statuses of token servers that do not know the POST of a refresh token (Artifactory 401, GCR 404, ACR 400). */
const noPost: ReadonlySet<number> = new Set([400, 401, 404, 405]);
/** The user name that Azure has for a refresh token in place of a password. */
const azureRefreshUser = "00000000-0000-0000-0000-000000000000";

/**
 * Gets a token as distribution's token specification has it: GET with Basic, or POST (OAuth2) for
 * refresh tokens. Throws RegistryError: UNAUTHORIZED where credentials are wrong or missing,
 * DENIED, RATE_LIMITED and UNAVAILABLE (transient), INVALID_RESPONSE.
 */
export async function fetchToken(request: TokenRequest, fetch: TokenFetch, options: Options = {}): Promise<Token> {
  const response = await ask(request, fetch, options);
  // Quay answers 400 to `delete`, and lets delete who has `*`.
  const wildcard = response.status === 400 ? deleteAsWildcard(request.scopes) : undefined;
  const answer = wildcard === undefined ? response : await ask({ ...request, scopes: wildcard }, fetch, options);
  if (answer.status < 200 || answer.status > 299) throw refused(request, answer);
  try {
    return readToken(answer);
  } catch (error) {
    throw new RegistryError("INVALID_RESPONSE", `${attempt(request)}: the answer holds no token`, {
      cause: error,
      status: answer.status,
    });
  }
}

/** The credential as `Authorization: Basic`. Throws RegistryError CREDENTIALS for a user that cannot be sent so. */
export function basicHeader(found: FoundCredential): string | undefined {
  const { credential } = found;
  if (credential.type !== "password") return undefined;
  if (credential.username.includes(":"))
    throw new RegistryError("CREDENTIALS", `Cannot use the credentials of ${found.from}: the user name holds a colon`);
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString("base64")}`;
}

const tokenDocument = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.coerce.number().positive().optional().catch(undefined),
  issued_at: z.string().optional().catch(undefined),
  refresh_token: z.string().min(1).optional().catch(undefined),
});

/** Reads a token server's answer. Throws when there is no token in it. */
export function parseToken(body: Uint8Array): {
  token: string;
  lifetime: number;
  issuedAt?: Date;
  refreshToken?: string;
} {
  if (body.byteLength > maxBody) throw new RangeError(`${body.byteLength} bytes are too many for a token`);
  const document = tokenDocument.parse(parseJson(body));
  const token = [document.token, document.access_token].find((text) => text !== undefined && text !== "");
  // It becomes a header.
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) throw new SyntaxError("There is no token");
  const issuedAt = new Date(document.issued_at ?? Number.NaN);
  return {
    token,
    lifetime: Math.max(minLifetime, document.expires_in ?? minLifetime),
    ...(Number.isNaN(issuedAt.getTime()) ? {} : { issuedAt }),
    ...(document.refresh_token === undefined ? {} : { refreshToken: document.refresh_token }),
  };
}

// JSON.parse quotes the text around an error, which may be the token.
function parseJson(body: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return value;
  } catch {
    throw new SyntaxError("The answer is no JSON");
  }
}

function readToken(response: TokenResponse): Token {
  const { token, lifetime, issuedAt, refreshToken } = parseToken(response.body);
  const sent = Date.parse(response.header("date") ?? "");
  const age = issuedAt === undefined || Number.isNaN(sent) ? 0 : (sent - issuedAt.getTime()) / 1000;
  return { token, lifetime, age: Math.max(0, age), ...(refreshToken === undefined ? {} : { refreshToken }) };
}

async function ask(request: TokenRequest, fetch: TokenFetch, options: Options): Promise<TokenResponse> {
  const credential = request.found?.credential;
  const refreshToken = credential === undefined ? undefined : refreshTokenOf(credential);
  if (refreshToken !== undefined) {
    const response = await post(request, refreshToken, fetch, options);
    if (credential?.type !== "password" || !noPost.has(response.status)) return response;
  }
  return await get(request, fetch, options);
}

async function get(request: TokenRequest, fetch: TokenFetch, options: Options): Promise<TokenResponse> {
  const { realm, service, scopes, found } = request;
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (found?.credential.type === "password") url.searchParams.set("account", found.credential.username);
  const authorization = found === undefined ? undefined : basicHeader(found);
  const headers = { accept: "application/json", ...(authorization === undefined ? {} : { authorization }) };
  return await fetch({ method: "GET", url, headers, ...options });
}

async function post(
  { realm, service, scopes }: TokenRequest,
  refreshToken: string,
  fetch: TokenFetch,
  options: Options,
): Promise<TokenResponse> {
  const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken, client_id: clientId });
  if (service !== undefined) form.set("service", service);
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
  return await fetch({ method: "POST", url: new URL(realm), headers, body: form.toString(), ...options });
}

function refreshTokenOf(credential: Credential): string | undefined {
  if (credential.type === "identity") return credential.token;
  return credential.type === "password" && credential.username === azureRefreshUser ? credential.password : undefined;
}

function attempt({ registry, realm, scopes }: TokenRequest): string {
  const what = scopes.length === 0 ? "" : ` for ${scopes.join(" ")}`;
  return `Cannot get a token${what} of ${JSON.stringify(registry)} from ${realm.origin}${realm.pathname}`;
}

function refused(request: TokenRequest, response: TokenResponse): RegistryError {
  const { registry, found } = request;
  const { status } = response;
  const messages = readMessages(response.body, found?.credential);
  const said = messages.map(({ code, message }) => [code, message].filter((part) => part !== "").join(": "));
  const message = `${attempt(request)}: ${[`HTTP ${status}`, ...said.slice(0, 3)].join(", ")}`;
  if (status === 429 || status === 408 || status === 425 || status >= 500) {
    const retryAfter = parseRetryAfter(response.header("retry-after"), Date.now());
    return new RegistryError(status === 429 ? "RATE_LIMITED" : "UNAVAILABLE", message, {
      status,
      messages,
      transient: true,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }
  if (status === 401 || status === 403 || (status === 400 && found !== undefined)) {
    const hint =
      found === undefined
        ? `Use "lading login ${registry}"`
        : `The credentials come from ${found.from}. Wrong ones are refused for public images too: use "lading login ${registry}", or "lading logout"`;
    return new RegistryError(status === 403 ? "DENIED" : "UNAUTHORIZED", message, { status, messages, hint });
  }
  return new RegistryError(status === 404 ? "INVALID_RESPONSE" : "REFUSED", message, { status, messages });
}

const errorDocument = z.object({
  errors: z
    .array(z.object({ code: z.coerce.string().catch(""), message: z.string().catch("") }))
    .optional()
    .catch(undefined),
  // OAuth2 (RFC 6749 §5.2), Docker Hub's and Quay's own form.
  error: z.string().optional().catch(undefined),
  error_description: z.string().optional().catch(undefined),
  details: z.string().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
});

function readMessages(body: Uint8Array, credential: Credential | undefined): readonly RegistryMessage[] {
  let document: z.infer<typeof errorDocument>;
  try {
    document = errorDocument.parse(JSON.parse(new TextDecoder().decode(body.subarray(0, maxBody))));
  } catch {
    return [];
  }
  const own = document.error_description ?? document.details ?? document.message ?? "";
  const messages =
    document.errors ?? (own + (document.error ?? "") === "" ? [] : [{ code: document.error ?? "", message: own }]);
  return messages.map(({ code, message }) => ({ code: clean(code, credential), message: clean(message, credential) }));
}

/** What a server says may hold what it was sent, and anything else. */
function clean(text: string, credential: Credential | undefined): string {
  const redacted = secretsOf(credential).reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
  return redacted.replaceAll(/[\x00-\x1f\x7f-\x9f]+/g, " ").slice(0, 300);
}

/** In all the forms they are sent in. */
function secretsOf(credential: Credential | undefined): readonly string[] {
  if (credential === undefined) return [];
  const secret = credential.type === "password" ? credential.password : credential.token;
  const pair = credential.type === "password" ? Buffer.from(`${credential.username}:${secret}`).toString("base64") : "";
  return [pair, secret, encodeURIComponent(secret)].filter((form) => form !== "");
}
