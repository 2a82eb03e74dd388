/** What a 206 says of its body. */
export interface ContentRange {
  /** Position of the first byte. */
  readonly first: number;
  /** Position of the last byte. */
  readonly last: number;
  /** Bytes of the whole content; undefined when the server does not know. */
  readonly total: number | undefined;
}

const pattern = /^bytes +([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16}|\*)$/i;

/** Parses Content-Range of an answer (RFC 9110 §14.4); undefined when absent, sent twice or malformed. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = pattern.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  const total = match[3] === "*" ? undefined : Number(match[3]);
  return last < first || (total !== undefined && last >= total) ? undefined : { first, last, total };
}

/**
 * How many bytes of an upload a registry says it has: Range of an answer to POST, PATCH or GET of an
 * upload. Written `0-n` by the specification, `bytes=0-n` by Quay; `0-0` and `0--1` mean nothing yet
 * (zot, Quay), and one byte if it was one: never more than advice. Undefined when absent or malformed.
 */
export function parseUploadRange(header: string | undefined): number | undefined {
  const match = /^(?:bytes[ =])? *0-(-1|[0-9]{1,16})$/i.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const last = Number(match[1]);
  return last <= 0 ? 0 : last + 1;
}
