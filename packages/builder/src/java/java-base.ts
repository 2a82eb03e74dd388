import { parseReference } from "@lading/oci";

/** The Java releases with long-term support; images of Eclipse Temurin are there for these for years. */
const supported = [8, 11, 17, 21, 25];

/** The official image that runs classes of this Java release; the newest when it is not known. */
export function javaBase(release: number | undefined): string {
  const newest = supported.at(-1);
  // A release after the newest is the only one that runs its classes.
  const runs = release === undefined ? newest : (supported.find((one) => one >= release) ?? release);
  return `eclipse-temurin:${runs}-jre`;
}

/** The official image of Jetty. */
export const jettyBase = "jetty";

/** Whether a base is an official image of Jetty, and whether of one before Jetty 12; undefined for another. */
export function jettyOf(place: string): { readonly old: boolean } | undefined {
  try {
    const { registry, repository, tag = "" } = parseReference(place.replace(/^docker:\/\//, ""));
    if (registry !== "docker.io" || repository !== "library/jetty") return undefined;
    return { old: Number.parseInt(tag, 10) < 12 };
  } catch {
    return undefined;
  }
}
