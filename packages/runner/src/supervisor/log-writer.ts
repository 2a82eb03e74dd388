import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { preciseTime } from "./clock.ts";

/*
 * A container's log, in the format of Kubernetes' runtimes and of podman's k8s-file:
 *
 *     2026-01-02T03:04:05.123456789Z stdout F a line
 *     2026-01-02T03:04:05.123456790Z stderr P the beginning of a longer one
 *
 * P says that the line goes on in the next of the same stream, or has no end. Times are UTC, and all
 * of them as long, so that they compare as text and what stands before a line's own text has a known
 * length.
 *
 * `current` is written to; when it is full it becomes `previous`, and what was `previous` goes.
 */

export type LogStream = "stdout" | "stderr";

export const currentLog = "current";
export const previousLog = "previous";

/** Bytes of a time: 2026-01-02T03:04:05.123456789Z. */
export const timeLength = 30;
/** Bytes before a line's own text: time, stream and tag, with the spaces after them. */
export const prefixLength = timeLength + " stdout F ".length;

const longestPart = 16 * 1024; // bytes
const patience = 50; // milliseconds
const defaultLimit = 64 * 1024 * 1024; // bytes
const lineFeed = 10;

export interface LogWriterOptions {
  /** Bytes that `current` may have, give or take a write. Default: 64 MiB. */
  readonly limit?: number | undefined;
}

/**
 * Writes what a program says. It is in the file when `write` returns, but for the beginning of a
 * line: that waits a moment for its end.
 */
export class LogWriter implements Disposable {
  readonly #folder: string;
  readonly #limit: number;
  readonly #beginnings: Record<LogStream, Buffer | undefined> = { stdout: undefined, stderr: undefined };
  #file: number;
  #size: number;
  #timer: NodeJS.Timeout | undefined;

  /** Appends to the log in `folder`, which is made where it is missing. */
  constructor(folder: string, { limit = defaultLimit }: LogWriterOptions = {}) {
    this.#folder = folder;
    this.#limit = limit;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#file = openSync(join(folder, currentLog), "a", 0o600);
    this.#size = fstatSync(this.#file).size;
    // Where a writer was killed in the middle of a line, that ends here.
    if (this.#size > 0 && !endsWithLine(join(folder, currentLog), this.#size)) this.#append("\n");
  }

  write(stream: LogStream, bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const before = this.#beginnings[stream];
    const text = before === undefined ? chunk : Buffer.concat([before, chunk]);
    const end = text.lastIndexOf(lineFeed) + 1;
    const rest = text.subarray(end);
    const parts = rest.length - (rest.length % longestPart);
    if (end + parts > 0)
      this.#append(records(stream, text.subarray(0, end)) + partial(stream, rest.subarray(0, parts)));
    // A copy: the stream may use its buffer again.
    this.#beginnings[stream] = parts === rest.length ? undefined : Buffer.from(rest.subarray(parts));
    if (parts < rest.length) this.#timer ??= setTimeout(() => this.flush(), patience).unref();
  }

  /** Writes beginnings of lines that still wait. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const stream of ["stdout", "stderr"] as const) {
      const rest = this.#beginnings[stream];
      this.#beginnings[stream] = undefined;
      if (rest !== undefined) this.#append(partial(stream, rest));
    }
  }

  [Symbol.dispose](): void {
    this.flush();
    closeSync(this.#file);
  }

  // Waiting for the write keeps both streams in order, and a program from writing faster than the disk takes it.
  #append(text: string): void {
    if (this.#size > 0 && this.#size + text.length > this.#limit) this.#rotate();
    const bytes = Buffer.from(text, "latin1");
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
    this.#size += bytes.length;
  }

  #rotate(): void {
    const path = join(this.#folder, currentLog);
    renameSync(path, join(this.#folder, previousLog));
    closeSync(this.#file);
    this.#file = openSync(path, "a", 0o600);
    this.#size = 0;
  }
}

/** Lines that are all there. As latin1 every byte is a character, and V8 does the rest at once. */
function records(stream: LogStream, lines: Buffer): string {
  if (lines.length === 0) return "";
  const prefix = `${preciseTime()} ${stream} F `;
  const text = lines.toString("latin1", 0, lines.length - 1);
  if (!hasLongLine(lines)) return `${prefix}${text.replaceAll("\n", `\n${prefix}`)}\n`;
  return text
    .split("\n")
    .map((line) => {
      const last = line.length === 0 ? 0 : Math.floor((line.length - 1) / longestPart) * longestPart;
      return `${partial(stream, Buffer.from(line.slice(0, last), "latin1"))}${prefix}${line.slice(last)}\n`;
    })
    .join("");
}

function partial(stream: LogStream, text: Buffer): string {
  const prefix = `${preciseTime()} ${stream} P `;
  let out = "";
  for (let at = 0; at < text.length; at += longestPart)
    out += `${prefix}${text.toString("latin1", at, Math.min(at + longestPart, text.length))}\n`;
  return out;
}

function hasLongLine(lines: Buffer): boolean {
  for (let start = 0; start + longestPart < lines.length;) {
    const end = lines.lastIndexOf(lineFeed, start + longestPart);
    if (end < start) return true;
    start = end + 1;
  }
  return false;
}

function endsWithLine(path: string, size: number): boolean {
  const file = openSync(path, "r");
  try {
    const last = Buffer.alloc(1);
    readSync(file, last, 0, 1, size - 1);
    return last[0] === lineFeed;
  } finally {
    closeSync(file);
  }
}
