import type { Accounts } from "./accounts.ts";
import { findCaseCollisions } from "./case-collisions.ts";
import type { LayerPlan } from "../entry.ts";
import { Folders } from "./folders.ts";
import { orderLinks } from "./link-order.ts";
import type { ListedEntry } from "../list/listing.ts";
import type { Lower } from "./lower.ts";
import { Placement } from "./placement.ts";
import { findRemovals } from "./removals.ts";

/** A layer before the base was looked at. */
export interface LayerDraft {
  readonly name: string;
  readonly listed: readonly ListedEntry[];
  /** Paths of the layers below to delete, as `LayerSpec.remove` has them. */
  readonly remove: readonly string[];
  /** The base with the layers laid on it so far. */
  readonly lower: Lower;
  /** Names of users and groups; undefined when the image has none. */
  readonly accounts: Accounts | undefined;
  /** Seconds; the time of folders that nobody listed. */
  readonly mtime: number;
}

export interface PlannedLayer {
  /** Without entries when there is nothing to do: such a layer is left out of the image. */
  readonly plan: LayerPlan;
  readonly warnings: readonly string[];
}

/**
 * Lays what was listed on what lies below: decides for every file where it really goes, whose it is
 * and in which order the archive has it. Entries are in the order of their paths' bytes, so parents
 * come before children; what deletes files of a folder comes first in it, because there are tools
 * that apply an opaque marker to what they unpacked before it (moby#17819).
 *
 * Folders on the way are always in the layer, with the mode and owner they have below: Docker's
 * overlay2 driver (seen in 20.10.24) unpacks a layer by itself and makes them 0755 root otherwise,
 * which is what a container sees. Their time is the layer's, so that a rebuilt base does not change
 * the layer.
 *
 * Throws BuildError DESTINATION_CONFLICT, SPEC, SOURCE_MISSING.
 */
export function planLayer(draft: LayerDraft): PlannedLayer {
  const removals = findRemovals(draft.remove, draft.lower);
  const placement = new Placement(new Folders(draft.lower, removals), draft.accounts);
  for (const entry of draft.listed) if (entry.type === "symlink") placement.link(entry);
  for (const entry of draft.listed) placement.add(entry);
  for (const [path, whole] of removals) placement.remove(path, whole, draft.lower);

  const entries = placement.entries(draft.mtime);
  if (placement.hasHardlinks) orderLinks(entries, (path) => placement.originOf(path));
  return { plan: { name: draft.name, entries }, warnings: findCaseCollisions(draft.name, entries) };
}
