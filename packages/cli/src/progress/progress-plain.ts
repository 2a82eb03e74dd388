import type { Progress, ProgressEvent, ProgressStream } from "./progress.ts";
import { formatCount, formatSize, formatTime } from "./quantity.ts";
import { printable, type Style } from "./terminal.ts";

/** A line per thing that is done, for logs. Quick steps get no line of their own when they start. */
export class PlainProgress implements Progress {
  readonly lasting = true;
  readonly #stream: ProgressStream;
  readonly #style: Style;
  readonly #several: boolean;
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
      case "write-start":
      case "write-progress":
        break;
      case "write-done":
        this.#line(
          event.unchanged
            ? `${printable(event.place)} is up to date`
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
