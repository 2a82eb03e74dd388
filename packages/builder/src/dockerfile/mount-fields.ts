import { posix } from "node:path";
import { BuildError } from "../errors.ts";
import { nearest } from "../nearest.ts";

const types = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const targets = ["target", "dst", "destination"];
const permissions = ["mode", "uid", "gid"];
const known = {
  bind: [...targets, "source", "src", "from", "rw", "readwrite", "ro", "readonly"],
  cache: [...targets, "id", "ro", "readonly", "sharing", ...permissions],
  tmpfs: [...targets, "size"],
  secret: [...targets, "id", "required", ...permissions],
  ssh: [...targets, "id", "required", ...permissions],
} satisfies Record<(typeof types)[number], readonly string[]>;

/** What `--mount=…` says (docs.docker.com, "RUN --mount"), field by field. Everything throws BuildError SPEC. */
export class MountFields {
  readonly type: (typeof types)[number];
  readonly #text: string;
  readonly #fields: ReadonlyMap<string, string>;

  constructor(text: string) {
    this.#text = text;
    this.#fields = new Map(
      text.split(",").map((field) => {
        const [name = ""] = field.split("=", 1);
        return [name.toLowerCase(), field.slice(name.length + 1)];
      }),
    );
    const asked = this.#fields.get("type") ?? "bind";
    const type = types.find((one) => one === asked);
    if (type === undefined)
      throw this.wrong(`"${asked}" is no type`, `Types are ${types.slice(0, -1).join(", ")} and ${types.at(-1)}`);
    this.type = type;
    const names: readonly string[] = known[type];
    const unknown = [...this.#fields.keys()].find((key) => key !== "type" && !names.includes(key));
    if (unknown === undefined) return;
    const meant = nearest(unknown, names);
    const hint = meant === undefined ? `type=${type} takes ${names.join(", ")}` : `Did you mean ${meant}?`;
    throw this.wrong(`"${unknown}" means nothing here`, hint);
  }

  /** The first of these that is given. */
  text(...names: readonly string[]): string | undefined {
    return names.map((name) => this.#fields.get(name)).find((one) => one !== undefined);
  }

  /** Where it is mounted, absolute. */
  target(workdir: string, fallback?: string): string {
    const path = this.text(...targets) ?? fallback;
    if (path === undefined || path === "") throw this.wrong("it has no target", "Write target=/PATH");
    return posix.resolve("/", workdir, path);
  }

  /** What it is called, else the last name of its target. */
  id(): string {
    const id = this.text("id") ?? posix.basename(this.text(...targets) ?? "");
    if (id === "") throw this.wrong("it has no id", "Write id=NAME");
    return id;
  }

  isSet(...names: readonly string[]): boolean {
    const name = names.find((one) => this.#fields.has(one));
    if (name === undefined) return false;
    const value = this.#fields.get(name)?.toLowerCase() ?? "";
    if (["", "true", "1"].includes(value)) return true;
    if (["false", "0"].includes(value)) return false;
    throw this.wrong(`${name}=${value} is neither true nor false`);
  }

  permissions(mode: number): { readonly mode: number; readonly uid: number; readonly gid: number } {
    const octal = this.#fields.get("mode") ?? mode.toString(8);
    if (!/^[0-7]{1,4}$/.test(octal)) throw this.wrong(`mode=${octal} is no mode`, "Write octal digits, as in 0600");
    return { mode: Number.parseInt(octal, 8), uid: this.#owner("uid"), gid: this.#owner("gid") };
  }

  #owner(name: string): number {
    const text = this.#fields.get(name) ?? "0";
    // As many as there are (4294967295 means nobody).
    if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 32 - 1)
      throw this.wrong(`${name}=${text} is no number of an owner`);
    return Number(text);
  }

  /** Bytes. */
  size(): number | undefined {
    const text = this.#fields.get("size");
    if (text === undefined) return undefined;
    const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?) ?(?:([kmgt])?i?b?)$/i.exec(text) ?? [];
    const size = Math.floor(Number(digits) * 1024 ** ("kmgt".indexOf(unit.toLowerCase()) + (unit === "" ? 0 : 1)));
    if (digits === "" || !Number.isSafeInteger(size)) throw this.wrong(`size=${text} is no size`, "Write it as in 64m");
    return size;
  }

  wrong(why: string, hint?: string): BuildError {
    return new BuildError("SPEC", `Cannot read --mount=${this.#text}: ${why}`, hint === undefined ? {} : { hint });
  }
}
