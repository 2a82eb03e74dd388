import { readFileSync } from "node:fs";
import { UsageError } from "../usage.ts";
import { misread } from "./misread.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `NAME=value`, or `NAME` for the value that it has here, and nothing where it has none. Throws UsageError. */
export function parseEnvironment(text: string, here: Environment): readonly string[] {
  const equals = text.indexOf("=");
  if (equals === 0 || text === "") throw misread("env", text, "expected NAME=value, or the NAME of a variable here");
  if (equals > 0) return [text];
  const value = here[text];
  return value === undefined ? [] : [`${text}=${value}`];
}

/**
 * A file of `NAME=value` lines as docker's `--env-file`: values are taken as they are, quotes and
 * all; `#` begins a comment only at the start of a line. Throws UsageError.
 */
export function readEnvironmentFile(path: string, here: Environment): readonly string[] {
  let content: string;
  try {
    content = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    throw new UsageError(`Cannot use --env-file "${path}"`, { cause });
  }
  return content.split(/\r?\n/).flatMap((written, index) => {
    const line = written.trimStart();
    if (line === "" || line.startsWith("#")) return [];
    const name = line.split("=", 1)[0] ?? "";
    if (name === "" || /\s/.test(name))
      throw misread("env-file", path, `line ${index + 1} is "${written}", expected NAME=value`);
    return parseEnvironment(line, here);
  });
}
