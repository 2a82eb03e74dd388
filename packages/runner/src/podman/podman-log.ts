import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { LogLine, LogsOptions } from "../engine.ts";
import { FolderChanges } from "../supervisor/folder-changes.ts";
import { hasCode } from "../state/system-error.ts";

export interface ReadPodmanLogOptions extends LogsOptions {
  /** With `follow`: resolves when nothing more will be written. */
  readonly ended?: Promise<unknown> | undefined;
  /** Bytes of the file to pass over: what was there before. */
  readonly from?: number | undefined;
}

const blockSize = 256 * 1024; // bytes
const lineFeed = 10;

/**
 * The lines of a log as conmon writes it (k8s-file), the oldest first; none when there is no file:
 *
 *     2026-01-02T03:04:05.123456789+00:00 stdout F a line
 */
export async function* readPodmanLog(path: string, options: ReadPodmanLogOptions = {}): AsyncGenerator<LogLine> {
  const { follow = false, since, until, tail, ended, from = 0, signal } = options;
  let over = !follow;
  await using file = await openLog(path);
  if (file === undefined) return;
  using changes = follow ? new FolderChanges(dirname(path), [basename(path)]) : undefined;
  void ended
    ?.catch(() => undefined)
    .finally(() => {
      over = true;
      changes?.notify();
    });
  let position = tail === undefined ? from : await seekTail(file, tail);
  const parts = new Parts();
  for (;;) {
    // Asked before the read: what is in the file by then is read, whatever comes in between.
    const last = over;
    const before = position;
    for await (const { line: part, end } of linesFrom(file, position)) {
      signal?.throwIfAborted();
      position = end;
      const line = parts.add(part);
      const at = line === undefined ? undefined : Date.parse(line.time);
      if (line === undefined || at === undefined || (since !== undefined && at < since.getTime())) continue;
      if (until !== undefined && at > until.getTime()) return;
      yield line;
    }
    // The rest of a line comes at once, or not for a while: of a prompt, say.
    if (last || (parts.open && position === before)) yield* parts.rest();
    if (last) return;
    await changes?.next({ signal, ...(parts.open ? { timeout: patience } : {}) });
  }
}

const patience = 50; // milliseconds
const longestPart = 16 * 1024; // bytes

/** Puts lines together that conmon cut because they came in several reads. */
class Parts {
  readonly #open = new Map<LogLine["stream"], LogLine>();

  /** Whether there is the beginning of a line. */
  get open(): boolean {
    return this.#open.size > 0;
  }

  /** The line that is whole with this part, or has become too long to wait for its end. */
  add(part: LogLine): LogLine | undefined {
    const first = this.#open.get(part.stream);
    const line =
      first === undefined ? part : { ...part, time: first.time, text: Buffer.concat([first.text, part.text]) };
    if (line.partial && line.text.length < longestPart) {
      // A copy: the block that it lies in may be large.
      this.#open.set(line.stream, { ...line, text: Buffer.from(line.text) });
      return undefined;
    }
    this.#open.delete(line.stream);
    return line;
  }

  *rest(): Generator<LogLine> {
    yield* this.#open.values();
    this.#open.clear();
  }
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Whole lines from `position` on, each with where it ends in the file; nothing of one that is still being written. */
async function* linesFrom(file: FileHandle, position: number): AsyncGenerator<{ line: LogLine; end: number }> {
  let size = blockSize;
  for (let at = position; ;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, at);
    const block = buffer.subarray(0, bytesRead);
    let start = 0;
    for (let end = block.indexOf(lineFeed); end !== -1; end = block.indexOf(lineFeed, start)) {
      const line = parseLine(block.subarray(start, end));
      start = end + 1;
      if (line !== undefined) yield { line, end: at + start };
    }
    at += start;
    if (start > 0) continue;
    if (bytesRead < size) return;
    size *= 2; // Only a file that is no log has such lines.
  }
}

function parseLine(bytes: Buffer): LogLine | undefined {
  // Nothing before the text is longer than this, nor other than ASCII.
  const [prefix = "", time = "", stream, tag] =
    /^(\S+) (stdout|stderr) ([FP]) /.exec(bytes.toString("latin1", 0, 64)) ?? [];
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  return { stream, time: inUtc(time), partial: tag === "P", text: bytes.subarray(prefix.length) };
}

/** conmon writes the time of the host's zone. */
function inUtc(time: string): string {
  const [, fraction = "", zone] = /(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  if (zone === "Z") return time;
  if (zone === "+00:00") return `${time.slice(0, -zone.length)}Z`;
  return `${new Date(time).toISOString().slice(0, -".000Z".length)}${fraction}Z`;
}

/** Where the last so many lines begin; a line may have several parts, of which only the last is tagged F. */
async function seekTail(file: FileHandle, lines: number): Promise<number> {
  let { size: start } = await file.stat();
  let tail = Buffer.alloc(0);
  while (start > 0) {
    const length = Math.min(blockSize, start);
    start -= length;
    const { buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, start);
    tail = Buffer.concat([buffer, tail]);
    const ends = lineEnds(tail, start > 0);
    const before = ends.at(-lines - 1);
    if (lines === 0 || before !== undefined) return start + (before ?? tail.length);
  }
  return 0;
}

/** Where lines end in the last bytes of a log; `cut`: whether they begin within one. */
function lineEnds(bytes: Buffer, cut: boolean): readonly number[] {
  const ends: number[] = [];
  let start = cut ? bytes.indexOf(lineFeed) + 1 : 0;
  let open = false;
  for (let end = bytes.indexOf(lineFeed, start); end !== -1; end = bytes.indexOf(lineFeed, start)) {
    open = parseLine(bytes.subarray(start, end))?.partial === true;
    start = end + 1;
    if (!open) ends.push(start);
  }
  // The last line may have no end yet.
  if (open) ends.push(start);
  return ends;
}
