import { stripVTControlCharacters } from "node:util";
import { type Digest, digestHex } from "@lading/oci";
import type { BlobOutcome } from "./blob-events.ts";
import type { Progress, ProgressEvent, ProgressStream } from "./progress.ts";
import { formatCount, formatSize, formatTime } from "./quantity.ts";
import { RetryLines } from "./retry-lines.ts";
import { printable, type Style } from "./terminal.ts";

/** A line per thing that is done, for logs. Quick steps get no line of their own when they start. */
export class PlainProgress implements Progress {
  readonly lasting = true;
  readonly #stream: ProgressStream;
  readonly #style: Style;
  readonly #several: boolean;
  readonly #retries = new RetryLines();
  readonly #steps = new Map<string, { readonly stage: string; readonly text: string }>();
  readonly #layers = new Map<
    string,
    { readonly name: string; readonly size: number; readonly entries: number; told: number }
  >();

  constructor(stream: ProgressStream, style: Style, several: boolean) {
    this.#stream = stream;
    this.#style = style;
    this.#several = several;
  }

  event(event: ProgressEvent): void {
    switch (event.type) {
      case "base":
        this.#line(`base ${printable(event.place)} for ${event.platform}: ${event.digest}`);
        break;
      case "step-start": {
        const step = { stage: stageLabel(event, this.#several), text: printable(event.text) };
        this.#steps.set(event.id, step);
        this.#line(step.stage + step.text);
        break;
      }
      case "step-output":
        this.#line((this.#steps.get(event.id)?.stage ?? "") + outputLine(event.line));
        break;
      case "step-done": {
        const { stage = "", text = "" } = this.#steps.get(event.id) ?? {};
        this.#line(`${stage}${text}: ${formatTime(event.ms)}`);
        break;
      }
      case "layer-start":
        this.#layers.set(event.id, {
          ...event,
          name: label(event.name, event.platforms, this.#several),
          told: performance.now(),
        });
        break;
      case "layer-progress":
        this.#stillPacking(event.id, event.done);
        break;
      case "layer-done": {
        const layer = this.#layers.get(event.id);
        const from =
          layer === undefined ? "" : `${formatCount(layer.entries, "entry", "entries")}, ${formatSize(layer.size)} -> `;
        this.#line(
          `layer ${layer?.name ?? event.id}: ${from}${formatSize(event.size)}, ${reuseText(event.reuse)} in ${formatTime(event.ms)}`,
        );
        break;
      }
      case "image":
        this.#line(`image ${event.platform}: ${event.digest}`);
        break;
      case "warning":
        this.#line(`${this.#style.yellow("warning:")} ${printable(event.message)}`);
        break;
      case "retry": {
        const line = this.#retries.line(event);
        if (line !== undefined) this.#line(line);
        break;
      }
      case "note":
        this.#line(printable(event.message));
        break;
      case "blob-start":
        // What is small is over before it can be told.
        if (event.size >= worthALine) this.#line(`${blobName(event)}: ${formatSize(event.size)} begins`);
        break;
      case "blob-progress":
        break;
      case "blob-retry":
        this.#line(`${blobName(event)}: begins anew`);
        break;
      case "blob-done":
        if (event.kind === "layer") this.#line(`${blobName(event)}: ${blobOutcome(event)}`);
        break;
      case "download-start":
      case "download-progress":
      case "download-done":
      case "verify-start":
      case "verify-progress":
      case "write-start":
      case "write-progress":
        break;
      case "verify-done":
        this.#line(`verified ${printable(event.place)}: ${formatSize(event.size)} in ${formatTime(event.ms)}`);
        break;
      case "write-done":
        this.#line(
          event.unchanged
            ? `${printable(event.place)} is up to date`
            : isOnlyNamed(event.blobs)
              ? `tagged ${printable(event.place)}: all of it was there before`
              : `wrote ${printable(event.place)}: ${formatSize(event.size)} in ${formatTime(event.ms)}`,
        );
        break;
    }
  }

  end(): void {
    // Nothing is pending.
  }

  // A sign of life for logs that are watched, rare enough not to flood them.
  #stillPacking(id: string, done: number): void {
    const layer = this.#layers.get(id);
    const now = performance.now();
    if (layer === undefined || now - layer.told < 5000) return;
    layer.told = now;
    const percent = layer.size === 0 ? 100 : Math.floor((done / layer.size) * 100);
    this.#line(`layer ${layer.name}: ${formatSize(done)} of ${formatSize(layer.size)} (${percent} %)`);
  }

  #line(text: string): void {
    this.#stream.write(`${text}\n`);
  }
}

// Bytes.
const worthALine = 1_000_000;

/** As docker shows it: twelve digits of the digest. */
export function blobName({ digest }: { readonly digest: Digest }): string {
  return digestHex(digest).slice(0, 12);
}

/** What became of a blob: "already exists", "mounted from acme/base", "64 MB in 1.2 s, 53 MB/s". */
export function blobOutcome(event: Extract<ProgressEvent, { readonly type: "blob-done" }>): string {
  const { outcome, size, ms, from } = event;
  if (outcome === "exists") return "already exists";
  if (outcome === "mounted") return `mounted from ${printable(from ?? "another repository")}`;
  return `${formatSize(size)} in ${formatTime(ms)}${rate(size, ms)}`;
}

/** Whether a name was all that had to be written. */
export function isOnlyNamed(blobs: Readonly<Record<BlobOutcome, number>> | undefined): boolean {
  return blobs !== undefined && blobs.copied + blobs.mounted === 0;
}

function rate(size: number, ms: number): string {
  // Of what is small it tells how long a question takes, and no speed.
  return ms < 1 || size < worthALine ? "" : `, ${formatSize((size / ms) * 1000)}/s`;
}

/** `[build] `, `[build linux/arm64] `: what tells lines of programs apart that run at the same time. */
export function stageLabel(
  { stage, platform }: Extract<ProgressEvent, { readonly type: "step-start" }>,
  several: boolean,
): string {
  const parts = [...(stage === undefined ? [] : [stage]), ...(several ? [platform] : [])];
  return parts.length === 0 ? "" : `[${printable(parts.join(" "))}] `;
}

/** A line that a program wrote, as text: neither colours nor anything else that moves a terminal. */
export function outputLine(line: string): string {
  return printable(stripVTControlCharacters(line).replaceAll("\t", "    "));
}

/** A layer's name, with the platform it is for when there are others. */
export function label(name: string, platforms: readonly string[], several: boolean): string {
  return printable(several && platforms.length === 1 ? `${name} (${platforms[0]})` : name);
}

/** How a layer came to be, in one word or two. */
export function reuseText(reuse: string): string {
  switch (reuse) {
    case "stat":
      return "unchanged";
    case "content":
      return "same content";
    case "base":
      return "from base";
    default:
      return "packed";
  }
}
