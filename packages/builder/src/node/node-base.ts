import intersects from "semver/ranges/intersects.js";

// Majors with long-term support, the one to take when a project does not care first.
const supported = [24, 22, 26, 20, 18];

/** The official image with the Node that `engines.node` admits; any when it says nothing. */
export function nodeBase(engines: string | undefined): string {
  const major = engines === undefined ? undefined : supported.find((one) => admits(engines, `${one}.x`));
  return `node:${major ?? (engines === undefined ? supported[0] : majorIn(engines))}-slim`;
}

function admits(range: string, major: string): boolean {
  try {
    return intersects(range, major);
  } catch {
    // No range: as if nothing was said.
    return true;
  }
}

function majorIn(range: string): string {
  return /\d+/.exec(range)?.[0] ?? `${supported[0]}`;
}
