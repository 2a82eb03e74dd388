/** What the system calls an error: `ENOENT`; "" when it is none of the system's. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** An error as Node makes them of the system's. */
export function systemError(code: string, text: string, path: string, cause?: unknown): Error {
  const error = new Error(`${code}: ${text}, ${JSON.stringify(path)}`, cause === undefined ? {} : { cause });
  return Object.assign(error, { code });
}
