/** Content-Length in bytes; undefined when absent, contradictory or malformed. */
export function parseContentLength(header: string | undefined): number | undefined {
  if (header === undefined || !/^[0-9]{1,16}$/.test(header)) return undefined;
  const length = Number(header);
  return Number.isSafeInteger(length) ? length : undefined;
}
