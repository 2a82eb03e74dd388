import { splitCommand } from "../config/command-line.ts";
import type { PackageManifest } from "./lockfile.ts";

/** What a script of package.json comes to: a program with its arguments, and the environment that is set for it. */
export interface ScriptCommand {
  readonly env: Readonly<Record<string, string>>;
  readonly program: string;
  readonly arguments: readonly string[];
}

/** Why something is no program that can be started. */
export interface Refusal {
  /** Goes on after "the start script …, which". */
  readonly why: string;
  readonly hint?: string;
}

/** Flags of npx that say only whether it may fetch what is not installed; the image has what is. */
const npxFlags: ReadonlySet<string> = new Set(["-y", "--yes", "--no", "--no-install", "--"]);

/**
 * Reads a script that needs no shell: assignments and cross-env go before its program, and what npm, pnpm or Yarn would run
 * of the other scripts, or npx of the packages, stands for it.
 */
export function readScript(name: string, scripts: PackageManifest["scripts"]): ScriptCommand | Refusal {
  const env: Record<string, string> = {};
  const seen = new Set<string>();
  for (let script = name; ;) {
    const text = scripts[script] ?? "";
    const which = script === name ? "" : `runs "${script}", which `;
    if (seen.has(script)) return { why: `${which}runs itself` };
    seen.add(script);
    if (needsShell(text))
      return {
        why: script === name ? "needs a shell" : `${which}needs a shell: ${text}`,
        hint: `Say what is to run with --entrypoint '["node", "/app/server.js"]', or '["sh", "-c", "…"]' where the base has a shell`,
      };
    const words = splitCommand(text);
    takeEnvironment(words, env);
    const other = scriptOf(words, scripts);
    if (other !== undefined) {
      script = other;
      continue;
    }
    if (words[0] === "npx")
      do words.shift();
      while (npxFlags.has(words[0] ?? ""));
    const [program, ...rest] = words;
    return program === undefined ? { why: `${which}runs nothing` } : { env, program, arguments: rest };
  }
}

/** Whether there is more to it than words and quotes. */
function needsShell(text: string): boolean {
  return /[&|;<>$`\\'"*?(){}~#\n]/.test(text.replaceAll(/'[^']*'|"[^"$`\\]*"/g, ""));
}

/** Takes `NAME=value` and cross-env from the front of a command. */
function takeEnvironment(words: string[], env: Record<string, string>): void {
  for (let word = words[0]; word !== undefined; word = words[0]) {
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(word) ?? [];
    if (name !== undefined && value !== undefined) env[name] = value;
    else if (word !== "cross-env") return;
    words.shift();
  }
}

/** The other script that a command runs: `npm run NAME`, `pnpm NAME`; one that gets arguments is none. */
function scriptOf(words: readonly string[], scripts: PackageManifest["scripts"]): string | undefined {
  const [manager = "", ...all] = words;
  if (!["npm", "pnpm", "yarn"].includes(manager)) return undefined;
  const rest = all.filter((word) => word !== "-s" && word !== "--silent");
  const [first, second] = rest;
  const name = first === "run" || first === "run-script" ? second : manager === "npm" ? undefined : first;
  const isAlone = rest.length === (first === name ? 1 : 2);
  return name !== undefined && isAlone && Object.hasOwn(scripts, name) ? name : undefined;
}
