/** The main attributes of a jar's manifest (JAR File Specification, "Manifest Specification"). */
export class Manifest {
  readonly #attributes = new Map<string, string>();

  constructor(bytes: Uint8Array) {
    // A line may end within a character: UTF-8 is read when lines are whole again.
    const text = Buffer.from(bytes).toString("latin1").replaceAll(/\r\n?/g, "\n").replaceAll("\n ", "");
    const [main = ""] = text.replace(/^\n+/, "").split(/\n{2,}/, 1);
    for (const line of main.split("\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) this.#attributes.set(line.slice(0, colon).toLowerCase(), decode(line.slice(colon + 1)));
    }
  }

  /** The value of an attribute, in whatever case its name is written; undefined for none and for an empty one. */
  get(name: string): string | undefined {
    return this.#attributes.get(name.toLowerCase()) || undefined;
  }
}

function decode(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8").trim();
}
