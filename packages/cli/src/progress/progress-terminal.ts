import { blobName, blobOutcome, label, outputLine, reuseText, stageLabel } from "./progress-plain.ts";
import type { Progress, ProgressEvent, ProgressStream } from "./progress.ts";
import { formatSize, formatTime } from "./quantity.ts";
import { RetryLines } from "./retry-lines.ts";
import { columns, fit, pad, printable, type Style } from "./terminal.ts";

interface Row {
  readonly name: string;
  /** Not known in advance for what is written. */
  readonly total: number | undefined;
  done: number;
  /** As performance.now() says. */
  begun: number;
  /** Of what comes over a network; undefined for all else. */
  tries?: number;
  /** Set when there is nothing more to wait for. */
  outcome?: string;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameTime = 80;

/**
 * One row for each layer and output, redrawn in place. Nothing is drawn for work that is over
 * within the first moments, each redraw is a single write, and `end` takes all rows away: what
 * stays on the screen is what the command prints afterwards.
 */
export class TerminalProgress implements Progress {
  readonly lasting = false;
  readonly #stream: ProgressStream;
  readonly #style: Style;
  readonly #several: boolean;
  readonly #retries = new RetryLines();
  readonly #rows = new Map<string, Row>();
  readonly #stages = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;
  #frame = 0;

  constructor(stream: ProgressStream, style: Style, several = false) {
    this.#stream = stream;
    this.#style = style;
    this.#several = several;
    this.#timer = setInterval(() => this.draw(), frameTime).unref();
  }

  event(event: ProgressEvent): void {
    switch (event.type) {
      case "step-start": {
        const stage = stageLabel(event, this.#several);
        this.#stages.set(event.id, stage);
        this.#start(event.id, stage + event.text);
        break;
      }
      case "step-output":
        this.#above((this.#stages.get(event.id) ?? "") + outputLine(event.line));
        break;
      case "step-done":
        this.#finish(event.id, formatTime(event.ms));
        break;
      case "layer-start":
        this.#start(event.id, label(event.name, event.platforms, this.#several), event.size);
        break;
      case "layer-progress":
        this.#advance(event.id, event.done);
        break;
      case "layer-done":
        this.#finish(event.id, `${formatSize(event.size)}  ${reuseText(event.reuse)}  ${formatTime(event.ms)}`);
        break;
      case "download-start":
        this.#start(event.id, event.url, event.size).tries = 1;
        break;
      case "download-progress":
        this.#advance(event.id, event.done);
        break;
      case "download-done":
        this.#finish(event.id, `${formatSize(event.size)}  ${formatTime(event.ms)}`);
        break;
      case "verify-start":
        this.#start(event.place, `verifying ${event.place}`);
        break;
      case "verify-done":
        this.#finish(event.place, `${formatSize(event.size)}  ${formatTime(event.ms)}`);
        break;
      case "write-start":
        this.#start(event.place, `writing ${event.place}`);
        break;
      case "verify-progress":
      case "write-progress":
        this.#advance(event.place, event.done);
        break;
      case "write-done":
        this.#finish(
          event.place,
          event.unchanged ? "up to date" : `${formatSize(event.size)}  ${formatTime(event.ms)}`,
        );
        break;
      case "warning":
        this.#above(`${this.#style.yellow("warning:")} ${printable(event.message)}`);
        break;
      case "retry": {
        const line = this.#retries.line(event);
        if (line !== undefined) this.#above(line);
        break;
      }
      case "note":
        this.#above(printable(event.message));
        break;
      case "blob-start":
        // Documents are over before they could be drawn, and mean little to a person.
        if (event.kind === "layer") this.#start(blobKey(event), blobName(event), event.size).tries = 1;
        break;
      case "blob-progress":
        this.#advance(blobKey(event), event.done);
        break;
      case "blob-retry":
        this.#again(blobKey(event));
        break;
      case "blob-done":
        if (event.kind === "layer") this.#blobDone(event);
        break;
      case "base":
      case "image":
        break;
    }
  }

  end(): void {
    clearInterval(this.#timer);
    this.#stream.write(this.#erasure());
    this.#drawn = 0;
    this.#rows.clear();
  }

  /** Draws the current state; called by the clock. */
  draw(): void {
    this.#frame = (this.#frame + 1) % frames.length;
    const lines = this.#lines();
    if (lines.length === 0 && this.#drawn === 0) return;
    // One write: the terminal never shows a half-drawn screen, and the cursor stays out of sight.
    this.#stream.write(`\x1b[?25l${this.#erasure()}${lines.map((line) => `${line}\n`).join("")}\x1b[?25h`);
    this.#drawn = lines.length;
  }

  #start(id: string, name: string, total?: number): Row {
    const row: Row = { name: printable(name), total, done: 0, begun: performance.now() };
    this.#rows.set(id, row);
    return row;
  }

  #advance(id: string, done: number): void {
    const row = this.#rows.get(id);
    if (row !== undefined) row.done = done;
  }

  #again(id: string): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    row.done = 0;
    row.tries = (row.tries ?? 1) + 1;
    row.begun = performance.now();
  }

  #blobDone(event: Extract<ProgressEvent, { readonly type: "blob-done" }>): void {
    const id = blobKey(event);
    if (!this.#rows.has(id)) this.#start(id, blobName(event), event.size);
    this.#finish(id, blobOutcome(event));
  }

  #finish(id: string, outcome: string): void {
    const row = this.#rows.get(id);
    if (row !== undefined) row.outcome = outcome;
  }

  // A line that stays, above the rows.
  #above(text: string): void {
    this.#stream.write(`${this.#erasure()}${text}\n`);
    this.#drawn = 0;
  }

  // Running rows are what matters when there are more than fit; the last column stays free, or the
  // terminal would wrap.
  #lines(): string[] {
    const width = Math.max(20, (this.#stream.columns || 80) - 1);
    const room = Math.max(1, (this.#stream.rows || 24) - 2);
    const all = [...this.#rows.values()];
    const running = all.filter((row) => row.outcome === undefined);
    const shown = all.length <= room ? all : running.slice(0, room);
    // What has no bar needs no column for its name, and a long name would leave the bars of others no room.
    const barred = shown.filter((row) => row.total !== undefined);
    const names = Math.min(Math.max(8, ...barred.map((row) => columns(row.name))), Math.floor(width / 2));
    return shown.map((row) => this.#line(row, names, width));
  }

  #line(row: Row, names: number, width: number): string {
    const { green, cyan, dim } = this.#style;
    const room = row.total === undefined ? Math.max(names, Math.min(columns(row.name), width - 16)) : names;
    const name = pad(fit(row.name, room), room);
    if (row.outcome !== undefined) return `${green("✔")} ${name}  ${dim(fit(row.outcome, width - room - 4))}`;

    const spinner = cyan(frames[this.#frame] ?? "");
    const done = row.done === 0 ? "" : formatSize(row.done);
    if (row.total === undefined) return `${spinner} ${name}  ${fit(done, width - room - 4)}`;
    const amount = `${formatSize(row.done)} / ${formatSize(row.total)}`.padStart(19) + pace(row);
    const barWidth = Math.min(32, width - names - columns(amount) - 6);
    if (barWidth < 5) return `${spinner} ${name}  ${fit(amount.trim(), width - names - 4)}`;
    const share = row.total === 0 ? 0 : Math.min(1, row.done / row.total);
    const filled = Math.round(share * barWidth);
    return `${spinner} ${name}  ${cyan("━".repeat(filled))}${dim("━".repeat(barWidth - filled))}  ${amount}`;
  }

  #erasure(): string {
    return this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\r\x1b[J`;
  }
}

/** "  53 MB/s", and how often it was tried; wide enough for any, so that the bar stays where it is. */
function pace({ done, begun, tries }: Row): string {
  if (tries === undefined) return "";
  const ms = performance.now() - begun;
  const rate = done === 0 || ms < 1 ? "" : `${formatSize((done / ms) * 1000)}/s`;
  return `  ${rate.padStart(9)}${tries > 1 ? ` try ${tries}` : ""}`;
}

/** The same blob may be on its way to two places. */
function blobKey({ place, digest }: { readonly place: string; readonly digest: string }): string {
  return `${place} ${digest}`;
}
