import { RegistryError } from "../errors.ts";
import { oneLine } from "./redact.ts";
import { Timeout } from "./timeout.ts";

/** Faults of connections that often pass. */
const transient = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETRESET",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_SOCKET",
  "UND_ERR_PRX_CONN",
  // The connection was closed within a chunk of a chunked body.
  "HPE_INVALID_EOF_STATE",
  "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
  "ERR_SSL_UNEXPECTED_EOF_WHILE_READING",
]);

const certificate =
  /^(?:CERT_|CRL_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE)/;
/** OpenSSL's words for a peer that answers a TLS hello with something else. */
const noTls =
  /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|HTTPS_PROXY_REQUEST|UNKNOWN_PROTOCOL|TLSV1_ALERT_RECORD_OVERFLOW|RECORD_LAYER_FAILURE|BAD_RECORD_TYPE)$/;

/** The code of a connection fault, also where it is wrapped: all addresses of a name, or a proxy. */
export function faultCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  // A secure proxy's certificate comes as the cause of undici's own error.
  if (code?.startsWith("UND_ERR_PRX") === true && "cause" in error) return faultCode(error.cause) ?? code;
  return code;
}

/** Whether the other side plainly speaks no TLS. A certificate that does not verify is none of it. */
export function speaksNoTls(error: unknown): boolean {
  const cause = error instanceof RegistryError ? error.cause : error;
  return noTls.test(faultCode(cause) ?? "");
}

/** Whether the certificate's issuer is what is missing, which a further list of authorities may mend. */
export function missesIssuer(error: unknown): boolean {
  if (!(error instanceof RegistryError) || error.code !== "CERTIFICATE") return false;
  return /^(?:UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO)/.test(
    faultCode(error.cause) ?? "",
  );
}

/** What was connected to. */
export interface Peer {
  readonly url: URL;
  /** What people take it for. */
  readonly kind: "registry" | "web";
  readonly proxy: URL | undefined;
}

/** What a failed connection means. `what`: "GET https://…", redacted. */
export function connectionFault(error: unknown, what: string, { url, kind, proxy }: Peer): unknown {
  if (error instanceof RegistryError || !(error instanceof Error)) return error;
  const code = faultCode(error) ?? "";
  const detail = oneLine(describe(error, code));
  const skip = kind === "web" ? "" : ", or skip the check with --tls-verify=false";
  const failed = (
    kind: "UNAVAILABLE" | "CERTIFICATE" | "INVALID_RESPONSE",
    text: string,
    more: object = {},
  ): RegistryError => new RegistryError(kind, `${what}: ${text}`, { cause: error, ...more });

  if (error instanceof Timeout || transient.has(code)) return failed("UNAVAILABLE", detail, { transient: true });
  if (code === "ECONNREFUSED")
    return failed("UNAVAILABLE", proxy === undefined ? detail : `${detail} by the proxy ${proxy.host}`, {
      transient: true,
      hint:
        proxy === undefined
          ? `Check that ${kind === "web" ? "a web server" : "a registry"} listens at ${url.host}`
          : `Check HTTPS_PROXY and HTTP_PROXY, or name ${url.hostname} in NO_PROXY`,
    });
  const proxied = /^Proxy response \((\d+)\) !== 200/.exec(error.message)?.[1];
  if (proxied !== undefined)
    return failed("UNAVAILABLE", `the proxy ${proxy?.host ?? ""} answered ${proxied}`.replace("  ", " "), {
      hint: `Check HTTPS_PROXY with the user and password in it, or name ${url.hostname} in NO_PROXY`,
    });
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return failed("CERTIFICATE", `the certificate is for another host (${detail})`, {
      hint: `Use a name that the certificate is for${skip}`,
    });
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return failed("CERTIFICATE", detail, {
      hint: "Check this machine's clock; the server's certificate has to be renewed otherwise",
    });
  if (certificate.test(code))
    // The advice that Node.js adds is for who starts Node.js; the system's authorities were asked already.
    return failed("CERTIFICATE", detail.replace(/; if the root CA is installed locally.*$/, ""), {
      hint: `Put the authority's certificate at /etc/containers/certs.d/${url.host}/ca.crt${skip}`,
    });
  if (/^ERR_SSL_.*ALERT.*(?:CERTIFICATE|UNKNOWN_CA)/.test(code))
    return failed("CERTIFICATE", `the server does not take our client certificate, or wants one: ${detail}`, {
      hint: `Put certificate and key at /etc/containers/certs.d/${url.host}/client.cert and client.key`,
    });
  if (code.endsWith("ALERT_HANDSHAKE_FAILURE"))
    return failed("CERTIFICATE", "the server ended the TLS handshake: it may want a client certificate", {
      hint: `Put certificate and key at /etc/containers/certs.d/${url.host}/client.cert and client.key`,
    });
  if (noTls.test(code))
    return failed("UNAVAILABLE", "the host does not speak TLS", {
      hint:
        kind === "web"
          ? "If it is to be trusted without, write http://"
          : "If it is to be trusted without, use --plain-http, or insecure = true in registries.conf",
    });
  if (code === "ENOTFOUND")
    return failed("UNAVAILABLE", `no host is called "${url.hostname}"`, {
      hint: "Check the name, and whether this machine reaches a name server",
    });
  if (code.startsWith("HPE_") || error.name === "HTTPParserError")
    return failed("INVALID_RESPONSE", "the answer is no HTTP", kind === "web" ? {} : { hint: "Is it a registry?" });
  if (code === "UND_ERR_HEADERS_OVERFLOW") return failed("INVALID_RESPONSE", "the answer's headers are too long");
  return failed("UNAVAILABLE", detail);
}

function describe(error: Error, code: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return `the connection broke off (${error.message})`;
    case "EAI_AGAIN":
      return "the name server does not answer";
    case "UND_ERR_CONNECT_TIMEOUT":
    case "ETIMEDOUT":
      return "no connection in time";
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
    case "HPE_INVALID_EOF_STATE":
      return "the answer ended early";
    default:
      // Of OpenSSL's own line, its reason: thread:error:code:SSL routines:function:reason:file:line.
      return /:SSL routines:[^:]*:([^:]+):/.exec(error.message)?.[1] ?? (error.message === "" ? code : error.message);
  }
}
