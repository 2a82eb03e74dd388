import { parsePlatform } from "@lading/oci";
import { toHealthcheck } from "../config/healthcheck.ts";
import { parsePort } from "../config/ports-and-signals.ts";
import { BuildError } from "../errors.ts";
import { type ModeRule, parseMode } from "../list/modes.ts";
import { nearest } from "../nearest.ts";

/*
 * What values of instructions must be. The grammar asks for those that have no variables, the evaluation for all
 * when they are expanded. All throw BuildError SPEC.
 */

/** The keys of ExposedPorts that a word of EXPOSE stands for. What it says of the host is dropped. */
export function exposedPorts(text: string): string[] {
  const { container } = splitPort(text);
  return parsePort(container);
}

/** A word of EXPOSE as it is and as docker run -p would take it: `[address:][host port:]port[/protocol]`. */
export function splitPort(text: string): { readonly host: string; readonly container: string } {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, Math.max(0, colon)), container: text.slice(colon + 1) };
}

/** The rule of --chmod: octal up to 7777, or symbolic, which changes the mode that the file has. */
export function chmodRule(text: string, kind: "file" | "directory"): ModeRule {
  if (text === "source" || text === "")
    throw new BuildError("SPEC", `Cannot read mode "${text}": expected octal digits, or a change like go-w`);
  return parseMode(text, (mode) => mode, kind);
}

/** The two sides of --chown; the group is undefined where the user's, or its number, is meant. */
export function splitOwner(text: string): { readonly user: string; readonly group: string | undefined } {
  const [user = "", group, ...more] = text.split(":");
  if (user === "" || group === "" || more.length > 0)
    throw new BuildError("SPEC", `Cannot read owner "${text}": expected user or user:group, by name or number`);
  for (const part of [user, group ?? "0"])
    if (/^\d+$/.test(part) && Number(part) > 0xffff_fffe)
      throw new BuildError("SPEC", `Cannot read owner "${text}": ${part} is no number of a user or group`);
  return { user, group };
}

/** Checks a time of a health check: a duration as Go reads it. */
export function checkDuration(name: "interval" | "timeout" | "startPeriod" | "startInterval", text: string): void {
  toHealthcheck({ test: "true", [name]: text });
}

/** The times a health check may fail. */
export function parseRetries(text: string): number {
  if (!/^\+?\d{1,10}$/.test(text) || Number(text) > 0x7fff_ffff)
    throw new BuildError("SPEC", `Cannot use the healthcheck's retries "${text}": expected a whole number`);
  return Number(text);
}

/** Checks what ADD says of a file that it fetches: an algorithm and as many hexadecimal digits as it makes. */
export function checkChecksum(text: string): void {
  if (/^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/.test(text)) return;
  throw new BuildError("SPEC", `Cannot use the checksum "${text}": expected sha256: and 64 hexadecimal digits`);
}

export function checkPlatform(text: string): void {
  try {
    parsePlatform(text);
  } catch (cause) {
    throw new BuildError("SPEC", `Cannot read platform "${text}"`, {
      cause,
      hint: "Write os/architecture: linux/amd64",
    });
  }
}

/** Checks a value that is one of a few words. */
export function checkChoice(what: string, text: string, choices: readonly string[]): void {
  if (choices.includes(text)) return;
  const meant = nearest(text, choices);
  throw new BuildError("SPEC", `Unknown ${what} "${text}"`, {
    hint: meant === undefined ? `Write one of ${choices.join(", ")}` : `Did you mean ${meant}?`,
  });
}
