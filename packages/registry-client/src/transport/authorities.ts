import { getCACertificates } from "node:tls";

let system: readonly string[] | undefined;

/**
 * The certificates that connections trust; undefined means those that Node.js brings, which cost
 * nothing. The system's are read once, and only when they are needed: it takes a tenth of a second.
 */
export function authorities(own: readonly string[], withSystem: boolean): readonly string[] | undefined {
  if (own.length === 0 && !withSystem) return undefined;
  if (withSystem) system ??= getCACertificates("system");
  return [...new Set([...getCACertificates("default"), ...(withSystem ? (system ?? []) : []), ...own])];
}
