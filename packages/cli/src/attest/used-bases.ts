import type { BuildRequest, LocatedBase } from "@lading/builder";

/** An image that a build was laid on, or copied from. */
export interface UsedBase {
  readonly place: string;
  readonly located: LocatedBase;
}

/** A `locate` that remembers in `found` what it found. */
export function rememberBases(locate: BuildRequest["locate"], found: UsedBase[]): BuildRequest["locate"] {
  return async (place, options) => {
    const located = await locate(place, options);
    const { digest } = located.descriptor;
    if (!found.some((one) => one.place === place && one.located.descriptor.digest === digest))
      found.push({ place, located });
    return located;
  };
}
