import { BuildError } from "../errors.ts";

/** Permission bits to give: a function of what the source has (mode & 0o7777). */
export type ModeRule = (source: number) => number;

/**
 * Reads a mode of a build description: octal digits, "source", or symbolic as chmod(1) takes it. A symbolic
 * mode changes the default mode, so that the result does not depend on the umask files were checked out
 * under; `+x` without letters before it means `a+x` for the same reason. Undefined is the default itself.
 */
export function parseMode(text: string | undefined, fallback: ModeRule, kind: "file" | "directory"): ModeRule {
  if (text === undefined) return fallback;
  if (text === "source") return (source) => source;
  if (/^[0-7]+$/.test(text)) {
    const bits = Number.parseInt(text, 8);
    if (bits > 0o7777) throw new BuildError("SPEC", `Cannot use mode "${text}": more bits than 7777`);
    return () => bits;
  }
  const clauses = text.split(",").map((clause) => parseClause(clause, text));
  return (source) => clauses.flat().reduce((mode, change) => change(mode, kind), fallback(source));
}

/** What Git keeps of a file's mode: whether its owner may execute it. */
export const defaultFileMode: ModeRule = (source) => ((source & 0o100) === 0 ? 0o644 : 0o755);
export const defaultDirectoryMode: ModeRule = () => 0o755;

type Change = (mode: number, kind: "file" | "directory") => number;

const whoBits: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const permissionBits: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };

function parseClause(clause: string, text: string): Change[] {
  const match = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause);
  if (match === null) throw new BuildError("SPEC", `Cannot read mode "${text}": "${clause}" is not a symbolic mode`);
  const [, who = "", operations = ""] = match;
  const affected = who === "" ? 0o7777 : Array.from(who).reduce((bits, letter) => bits | (whoBits[letter] ?? 0), 0);
  return Array.from(operations.matchAll(/([-+=])([rwxXstugo]*)/g), ([, operator, letters = ""]): Change => {
    return (mode, kind) => {
      let bits = 0;
      for (const letter of letters)
        if (letter === "X") bits |= kind === "directory" || (mode & 0o111) !== 0 ? 0o111 : 0;
        else bits |= permissionBits[letter] ?? copiedBits(mode, letter);
      bits &= affected;
      if (operator === "+") return mode | bits;
      if (operator === "-") return mode & ~bits;
      return (mode & ~affected) | bits;
    };
  });
}

/** `g=u`: one class's permissions for all three, to be masked afterwards. */
function copiedBits(mode: number, from: string): number {
  const three = (mode >> (from === "u" ? 6 : from === "g" ? 3 : 0)) & 0o7;
  return three * 0o111;
}
