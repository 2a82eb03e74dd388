import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { LogLine, LogsOptions } from "../engine.ts";
import { hasCode } from "../state/system-error.ts";
import { FolderChanges } from "./folder-changes.ts";
import { currentLog, prefixLength, previousLog, timeLength } from "./log-writer.ts";

export interface ReadLogOptions extends LogsOptions {
  /** With `follow`: resolves when nothing more will be written. */
  readonly ended?: Promise<unknown> | undefined;
}

const blockSize = 256 * 1024; // bytes
const lineFeed = 10;
const letterO = 0x6f;
const letterP = 0x50;

/** The lines of the log in `folder`, the oldest first; none when there is no log. `tail` is found from the end. */
export async function* readLog(folder: string, options: ReadLogOptions = {}): AsyncGenerator<LogLine> {
  const { follow = false, since, until, tail, ended, signal } = options;
  const from = precise(since, "000000");
  const to = precise(until, "999999");
  using changes = follow ? new FolderChanges(folder) : undefined;
  let over = !follow;
  void ended?.finally(() => {
    over = true;
    changes?.notify();
  });
  await using log = await LogFiles.open(folder);
  if (tail !== undefined) await log.seekTail(tail);
  for (;;) {
    // Asked before the read: what is in the file by then is read, whatever comes in between.
    const last = over;
    for await (const line of log.rest()) {
      signal?.throwIfAborted();
      if (from !== undefined && line.time < from) continue;
      if (to !== undefined && line.time > to) return;
      yield line;
    }
    if (last) return;
    await changes?.next({ signal });
  }
}

/** With as many digits as the log has, so that text compares as time. */
function precise(date: Date | undefined, digits: string): string | undefined {
  return date === undefined ? undefined : `${date.toISOString().slice(0, -1)}${digits}Z`;
}

/** The files of a log, and how far they are read. */
class LogFiles implements AsyncDisposable {
  readonly #folder: string;
  /** The oldest first. */
  readonly #files: { readonly handle: FileHandle; readonly inode: number; position: number }[] = [];

  static async open(folder: string): Promise<LogFiles> {
    const log = new LogFiles(folder);
    // The newer one first: when it moves meanwhile, it is seen twice and not missed.
    await log.#open(currentLog);
    await log.#open(previousLog);
    return log;
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  async #open(name: string): Promise<void> {
    try {
      const handle = await open(join(this.#folder, name));
      const { ino } = await handle.stat();
      if (this.#files.some(({ inode }) => inode === ino)) await handle.close();
      else if (name === previousLog) this.#files.unshift({ handle, inode: ino, position: 0 });
      else this.#files.push({ handle, inode: ino, position: 0 });
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }

  /** Passes over all but so many of the last lines. */
  async seekTail(lines: number): Promise<void> {
    let wanted = lines;
    for (const file of this.#files.toReversed()) {
      if (wanted <= 0) {
        file.position = (await file.handle.stat()).size;
        continue;
      }
      const found = await seekBack(file.handle, wanted);
      file.position = found.position;
      wanted -= found.lines;
    }
  }

  /** What was not read yet; nothing of a line that is still being written. */
  async *rest(): AsyncGenerator<LogLine> {
    for (;;) {
      for (const file of this.#files)
        for await (const { bytes, end } of blocks(file.handle, file.position)) {
          file.position = end;
          yield* parse(bytes);
        }
      // A writer that began a new file has written its last to the old one before.
      const current = await stat(join(this.#folder, currentLog)).catch(() => undefined);
      if (current === undefined || this.#files.some(({ inode }) => inode === current.ino)) return;
      const before = this.#files.length;
      await this.#open(currentLog);
      if (this.#files.length === before) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map(({ handle }) => handle.close()));
  }
}

/** Whole lines from `position` on, each block with where it ends in the file. */
async function* blocks(handle: FileHandle, position: number): AsyncGenerator<{ bytes: Buffer; end: number }> {
  let at = position;
  let size = blockSize;
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size, at);
    const length = buffer.subarray(0, bytesRead).lastIndexOf(lineFeed) + 1;
    if (length === 0) {
      if (bytesRead < size) return;
      size *= 2; // Only a file that is no log has such lines.
      continue;
    }
    at += length;
    yield { bytes: buffer.subarray(0, length), end: at };
  }
}

function* parse(bytes: Buffer): Generator<LogLine> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(lineFeed, start);
    // A shorter one was being written when its supervisor was killed.
    if (end - start >= prefixLength)
      yield {
        time: bytes.toString("latin1", start, start + timeLength),
        stream: bytes[start + timeLength + " std".length] === letterO ? "stdout" : "stderr",
        partial: bytes[start + prefixLength - 2] === letterP,
        text: bytes.subarray(start + prefixLength, end),
      };
    start = end + 1;
  }
}

/** Where the last so many lines begin, or all that there are when they are fewer. */
async function seekBack(handle: FileHandle, wanted: number): Promise<{ position: number; lines: number }> {
  let { size: unread } = await handle.stat();
  let kept = Buffer.alloc(0);
  let lines = 0;
  /** Of the first line that is counted already. */
  let position = unread;
  for (;;) {
    // Every record but the first of what is in memory is whole.
    for (;;) {
      const end = position - unread - 1;
      const start = end < 1 ? 0 : kept.lastIndexOf(lineFeed, end - 1) + 1;
      if (end < 0 || (start === 0 && unread > 0)) break;
      // A line ends with its last part; at the end of the log it may have none yet.
      const ends = kept[start + prefixLength - 2] !== letterP;
      if (ends && lines === wanted) return { position, lines };
      if (ends || lines === 0) lines++;
      position = unread + start;
    }
    if (unread === 0) return { position: 0, lines };
    const length = Math.min(blockSize, unread);
    unread -= length;
    const { buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, unread);
    kept = Buffer.concat([buffer, kept.subarray(0, position - unread - length)]);
  }
}
