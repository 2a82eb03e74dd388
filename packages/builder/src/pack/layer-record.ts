import { isDigest } from "@lading/oci";
import { isFields } from "../fields.ts";
import type { LowerNode } from "../plan/lower.ts";
import type { CompressedLayer } from "./compress-layer.ts";

/*
 * What the cache keeps of layers, as JSON. By hand: every build reads some, and what makes a parser of a schema takes
 * longer than all of them.
 */

/** What is kept of a layer's plan, so that it need not be made again: see plan-memory.ts. */
export interface PlanFacts {
  /** How many entries it has. */
  readonly entries: number;
  /** Bytes of its files. */
  readonly size: number;
  /** Whether the files of a remote base have a say in it. */
  readonly needsBase: boolean;
  /** Whether it was laid on the files of the base; else on nothing. */
  readonly isOnBase: boolean;
  readonly warnings: readonly string[];
  /** What layers above it asked for, by path: what is there, or null. */
  readonly nodes: readonly (readonly [path: string, node: LowerNode | null])[];
}

export function isLayerRecord(value: unknown): value is CompressedLayer {
  if (!isFields(value) || value["version"] !== 1) return false;
  const { descriptor, diffId, unpackedSize } = value;
  return (
    isFields(descriptor) &&
    typeof descriptor["mediaType"] === "string" &&
    isDigestText(descriptor["digest"]) &&
    isCount(descriptor["size"]) &&
    isDigestText(diffId) &&
    isCount(unpackedSize)
  );
}

export function isPlanFacts(value: unknown): value is PlanFacts {
  if (!isFields(value)) return false;
  const { entries, size, needsBase, isOnBase, warnings, nodes } = value;
  return (
    isCount(entries) &&
    isCount(size) &&
    typeof needsBase === "boolean" &&
    typeof isOnBase === "boolean" &&
    Array.isArray(warnings) &&
    warnings.every((one) => typeof one === "string") &&
    Array.isArray(nodes) &&
    nodes.every((one) => Array.isArray(one) && typeof one[0] === "string" && (one[1] === null || isNode(one[1])))
  );
}

function isNode(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { type, mode, uid, gid, linkname } = value;
  return typeof type === "string" && isCount(mode) && isCount(uid) && isCount(gid) && typeof linkname === "string";
}

function isDigestText(value: unknown): boolean {
  return typeof value === "string" && isDigest(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
