import { ConfigError } from "../config/config-error.ts";
import { locateText } from "../config/locate-text.ts";
import { nearest } from "../usage.ts";

/**
 * Puts parameters in the place of `${name}` in a build file, comments included; `${name:-text}` has a default, and
 * `$${name}` stands for `${name}`. Throws ConfigError for a name without a value.
 */
export function fillTemplate(text: string, parameters: Readonly<Record<string, string>>, file: string): string {
  const issues: { message: string; hint: string; location: ReturnType<typeof locateText> }[] = [];
  const filled = text.replaceAll(
    /(?<escape>\$)?\$\{(?<name>[^{}\n]*?)(?::-(?<fallback>[^{}\n]*))?\}/g,
    (whole, escape: string | undefined, name: string, fallback: string | undefined, at: number) => {
      if (escape !== undefined) return whole.slice(1);
      if (Object.hasOwn(parameters, name)) return parameters[name] ?? "";
      if (fallback !== undefined) return fallback;
      const meant = nearest(name, Object.keys(parameters));
      issues.push({
        message: `Cannot resolve variable "${name}"`,
        hint: meant === undefined ? `Give it a value with --parameter ${name}=VALUE` : `Did you mean "${meant}"?`,
        location: locateText(text, file, at, at + whole.length),
      });
      return whole;
    },
  );
  if (issues.length > 0) throw new ConfigError(issues);
  return filled;
}
