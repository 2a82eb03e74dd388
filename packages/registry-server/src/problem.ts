import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { OciError } from "@lading/oci";

/** distribution-spec §Error Codes, and the two that every registry uses besides. */
export type ProblemCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "UNKNOWN";

export interface ProblemOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly detail?: unknown;
  readonly cause?: unknown;
}

/** A request that is refused: what is thrown anywhere in this package ends as this in the answer. */
export class Problem extends Error {
  override readonly name: string = "Problem";
  readonly status: number;
  readonly code: ProblemCode;
  readonly headers: OutgoingHttpHeaders;
  readonly detail: unknown;

  constructor(status: number, code: ProblemCode, message: string, options: ProblemOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
    this.detail = options.detail;
  }
}

/** The problem that an error is to the client. What is wrong on this side is not told to strangers. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof OciError) {
    const { message, code } = error;
    if (code === "DIGEST_MISMATCH") return new Problem(400, "DIGEST_INVALID", message, { cause: error });
    if (code === "SIZE_MISMATCH") return new Problem(400, "SIZE_INVALID", message, { cause: error });
  }
  return new Problem(500, "UNKNOWN", "Cannot answer: something is wrong with the store", { cause: error });
}

/** Answers with the JSON of distribution-spec §Error Codes; when an answer has begun, breaks it off. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const { code, message, detail } = problem;
  sendJson(
    response,
    problem.status,
    { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] },
    problem.headers,
  );
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const bytes = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.byteLength, ...headers });
  // node:http leaves the body of an answer to HEAD out by itself.
  response.end(bytes);
}
