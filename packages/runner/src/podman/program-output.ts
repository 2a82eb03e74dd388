import { once } from "node:events";
import { PassThrough, type Readable, type Writable } from "node:stream";
import type { LogLine, Stdio } from "../engine.ts";
import { readFrames } from "./frames.ts";

/** Where a program's output goes. */
export interface ProgramOutput {
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Resolves when there is no more, however that came. */
  readonly ended: Promise<void>;
}

export const noOutput: ProgramOutput = { stdout: nothing(), stderr: nothing(), ended: Promise.resolve() };

/** Where output comes from: a connection of attach or exec, and what came with the answer. */
export interface OutputSource {
  readonly connection: Readable;
  readonly head: Uint8Array;
}

/** Reads all that comes, and passes it on as fast as it is taken. */
export function passOn({ connection, head }: OutputSource, stdio: Stdio, terminal: boolean): ProgramOutput {
  return to(stdio, (outputs) =>
    terminal ? pumpRaw(connection, head, outputs.stdout) : pumpFrames(connection, head, outputs),
  );
}

/** As `passOn`, of lines of a log. */
export function passOnLines(lines: AsyncIterable<LogLine>, stdio: Stdio): ProgramOutput {
  return to(stdio, async (outputs) => {
    for await (const { stream, text, partial } of lines)
      await write(outputs[stream], partial ? text : Buffer.concat([text, lineEnd]));
  });
}

const lineEnd = Buffer.from("\n");

type Outputs = Readonly<Record<LogLine["stream"], Writable>>;

function to(stdio: Stdio, pump: (outputs: Outputs) => Promise<void>): ProgramOutput {
  const own = stdio === "inherit";
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const ended = pump(own ? process : { stdout, stderr })
    // A connection that breaks is an end as well: how the program ended is asked for.
    .catch(() => undefined)
    .finally(() => {
      stdout.end();
      stderr.end();
    });
  return { stdout: own ? nothing() : stdout, stderr: own ? nothing() : stderr, ended };
}

async function pumpFrames(connection: Readable, head: Uint8Array, outputs: Outputs): Promise<void> {
  for await (const { stream, bytes } of readFrames(connection, head))
    if (!(stream === "stderr" && isLostInput(bytes))) await write(outputs[stream], bytes);
}

/** What podman says, as if its program had, when that ended without having read all that it was given: as it writes, or later. */
function isLostInput(bytes: Uint8Array): boolean {
  const text = bytes.length < 200 ? Buffer.from(bytes).toString("latin1") : "";
  return /^Error: (?:write unixpacket \S+: write: |read unixpacket \S+: read: connection reset by peer)/.test(text);
}

async function pumpRaw(connection: Readable, head: Uint8Array, out: Writable): Promise<void> {
  if (head.length > 0) await write(out, head);
  for await (const bytes of connection) if (bytes instanceof Uint8Array) await write(out, bytes);
}

async function write(to: Writable, bytes: Uint8Array): Promise<void> {
  // Who does not want the rest must not keep the program from ending.
  if (to.destroyed || to.write(bytes)) return;
  const over = new AbortController();
  try {
    await Promise.race(["drain", "close"].map((event) => once(to, event, over)));
  } finally {
    // The other one listens no more.
    over.abort();
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
