import type { IncomingHttpHeaders } from "node:http";

export interface Span {
  readonly start: number;
  /** Bytes. */
  readonly length: number;
}

/**
 * The part of `size` bytes that a Range header asks for (RFC 9110 §14.2): undefined when there is none
 * to heed, which is one of another unit, malformed or with several parts; "unsatisfiable" for 416.
 */
export function requestedSpan(
  { range, "if-range": condition }: IncomingHttpHeaders,
  size: number,
  etag: string,
): Span | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (match === null || (condition !== undefined && condition !== etag)) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "") {
    if (to === "") return undefined;
    const length = Math.min(Number(to), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, length };
  }
  const start = Number(from);
  const end = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, length: end - start + 1 };
}

/** The first byte and the one after the last of an upload's chunk; undefined when there is no header, "malformed" when it is none. */
export function chunkSpan(contentRange: string | undefined): Span | "malformed" | undefined {
  if (contentRange === undefined) return undefined;
  // The distribution-spec has `0-99`; docker writes `bytes 0-99/*`.
  const match = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\*|\d+))?$/.exec(contentRange.trim());
  if (match === null) return "malformed";
  const start = Number(match[1]);
  const length = Number(match[2]) - start + 1;
  return length < 0 ? "malformed" : { start, length };
}
