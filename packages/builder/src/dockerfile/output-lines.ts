import { StringDecoder } from "node:string_decoder";

// Characters; what has no line ends is told in pieces.
const longest = 16_384;

/** Output of a program as lines, whichever pieces it comes in. A line that is written over, as meters do it, is one each time. */
export class OutputLines {
  readonly #decoder = new StringDecoder("utf8");
  readonly #tell: (line: string) => void;
  #rest = "";

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  push(chunk: Uint8Array): void {
    const text = this.#rest + this.#decoder.write(chunk);
    // A carriage return at the end may be half of a line end.
    const parts = text.split(/\r?\n|\r(?=[^])/);
    this.#rest = parts.pop() ?? "";
    parts.forEach(this.#tell);
    for (; this.#rest.length > longest; this.#rest = this.#rest.slice(longest))
      this.#tell(this.#rest.slice(0, longest));
  }

  /** Tells what came after the last line end. */
  end(): void {
    const rest = (this.#rest + this.#decoder.end()).replace(/\r$/, "");
    this.#rest = "";
    if (rest !== "") this.#tell(rest);
  }
}
