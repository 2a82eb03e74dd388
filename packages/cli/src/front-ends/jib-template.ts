import { ConfigError } from "../config/config-error.ts";
import { locateText } from "../config/locate-text.ts";
import { nearest } from "../usage.ts";

/**
 * Puts parameters in the place of `${name}` in a build file, comments included; `${name:-text}` has a default, and
 * `$${name}` stands for `${name}`. In a parameter's value names are replaced as well, as Jib does. Throws ConfigError for a
 * name without a value, and for one whose value leads back to it.
 */
export function fillTemplate(text: string, parameters: Readonly<Record<string, string>>, file: string): string {
  const issues: { message: string; hint: string; location: ReturnType<typeof locateText> }[] = [];
  const filled = replaceNames(text, (name, fallback, at, whole) => {
    try {
      return valueOf(name, fallback, []);
    } catch (error) {
      if (!(error instanceof Unresolved)) throw error;
      const { message, hint } = error;
      issues.push({ message, hint, location: locateText(text, file, at, at + whole.length) });
      return whole;
    }
  });
  if (issues.length > 0) throw new ConfigError(issues);
  return filled;

  function valueOf(name: string, fallback: string | undefined, within: readonly string[]): string {
    const path = [...within, name];
    if (within.includes(name))
      throw new Unresolved(`Cannot resolve variable "${within[0]}": its value leads back to it`, path.join(" → "));
    const value = Object.hasOwn(parameters, name) ? parameters[name] : fallback;
    if (value !== undefined) return replaceNames(value, (inner, other) => valueOf(inner, other, path));
    const meant = nearest(name, Object.keys(parameters));
    const where = within.length === 0 ? "" : `, which is in the value of "${within.at(-1)}"`;
    throw new Unresolved(
      `Cannot resolve variable "${name}"${where}`,
      meant === undefined ? `Give it a value with --parameter ${name}=VALUE` : `Did you mean "${meant}"?`,
    );
  }
}

class Unresolved extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

type Replace = (name: string, fallback: string | undefined, at: number, whole: string) => string;

function replaceNames(text: string, replace: Replace): string {
  return text.replaceAll(
    /(?<escape>\$)?\$\{(?<name>[^{}\n]*?)(?::-(?<fallback>[^{}\n]*))?\}/g,
    (whole, escape: string | undefined, name: string, fallback: string | undefined, at: number) =>
      escape === undefined ? replace(name, fallback, at, whole) : whole.slice(1),
  );
}
