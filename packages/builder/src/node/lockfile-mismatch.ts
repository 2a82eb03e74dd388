import { BuildError } from "../errors.ts";
import type { PackageManifest } from "./lockfile.ts";

/** How package.json differs from what a lockfile was made for, each in words; `same` compares two ranges. */
export function differences(
  { dependencies, devDependencies, optionalDependencies }: PackageManifest,
  locked: Readonly<Record<string, string>>,
  same: (wanted: string, locked: string, name: string) => boolean = (wanted, other) => wanted === other,
): string[] {
  const wanted = { ...devDependencies, ...dependencies, ...optionalDependencies };
  return [
    ...Object.entries(wanted).flatMap(([name, range]) => {
      const other = locked[name];
      if (other === undefined) return [`${name} ${range} is not in it`];
      return same(range, other, name) ? [] : [`${name} is ${range} in package.json and ${other} in it`];
    }),
    ...Object.keys(locked).flatMap((name) => (name in wanted ? [] : [`${name} is not in package.json`])),
  ];
}

/** The error for a lockfile that was made for another package.json. */
export function outOfDate(lockfile: string, folder: string, found: readonly string[], command: string): BuildError {
  const manifest = folder === "" ? "package.json" : `${folder}/package.json`;
  const shown = found.slice(0, 5).join("; ");
  const more = found.length > 5 ? `; and ${found.length - 5} more` : "";
  return new BuildError("SPEC", `Cannot build by ${lockfile}: it does not match ${manifest}: ${shown}${more}`, {
    hint: `Run \`${command}\`, and commit the lockfile`,
  });
}
