import { basename } from "node:path";
import type { SourceLocation } from "@lading/builder";
import { formatReference, parseReference, withDefaultTag } from "@lading/oci";
import { type Document, parseAllDocuments } from "yaml";
import { ConfigError, type ConfigIssue } from "../config/config-error.ts";
import { locateText } from "../config/locate-text.ts";
import { composeImages, isCompose } from "./compose-images.ts";
import { interpolate, type Variables } from "./interpolate.ts";
import { kubernetesImages, refuseUnrendered } from "./kubernetes-images.ts";
import { isObject, type Path } from "./workload-document.ts";

/** An image that a file of workloads names. */
interface WorkloadImage {
  /** In full: `docker.io/library/nginx:1.27`. */
  readonly image: string;
  /** Counted from 1. */
  readonly line: number;
}

/** What a file of workloads wants. */
export interface Workloads {
  readonly images: readonly WorkloadImage[];
  /** What may need an image that is not among them, and why. */
  readonly notes: readonly { readonly text: string; readonly line: number }[];
}

/**
 * The images of all containers and image volumes in a file's documents: Kubernetes objects of any
 * kind, lists of them, and services of compose. What has to be rendered first (charts,
 * kustomizations, templates) is refused: it would be other images. Throws ConfigError, which shows
 * the line.
 */
export function workloadImages(text: string, file: string, variables: Variables): Workloads {
  const images: WorkloadImage[] = [];
  const notes: { text: string; line: number }[] = [];
  const where = (start: number, end: number): SourceLocation => locateText(text, file, start, end);
  for (const document of documentsIn(text, file)) {
    const [error] = document.errors;
    if (error !== undefined)
      throw new ConfigError([
        { message: `Not valid YAML: ${error.message}`, location: where(...error.pos), ...hintFor(text) },
      ]);
    const value = toValue(document, file);
    const refused = refuseUnrendered(value, basename(file));
    if (refused !== undefined) throw new ConfigError([{ ...refused, location: where(...rangeOf(document, ["kind"])) }]);
    const compose = isCompose(value);
    for (const found of compose ? composeImages(value) : kubernetesImages(value)) {
      const location = where(...rangeOf(document, found.path));
      if ("note" in found) notes.push({ text: found.note, line: location.line });
      else {
        const image = imageOf(found.image, compose ? variables : undefined);
        if (typeof image !== "string") throw new ConfigError([{ ...image, location }]);
        images.push({ image, line: location.line });
      }
    }
  }
  return { images, notes };
}

/** The full name of an image that a file writes as `written`, or what is wrong with it. */
function imageOf(written: unknown, variables: Variables | undefined): string | ConfigIssue {
  if (typeof written !== "string")
    return { message: "Expected the name of an image", ...hintFor(JSON.stringify(written)) };
  const text = variables === undefined ? written : interpolate(written, variables);
  if (typeof text !== "string") return text;
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error), ...hintFor(text) };
  }
}

/** What helps with the text of a template, which is none of the things that it looks like. */
function hintFor(text: string): Pick<ConfigIssue, "hint"> {
  if (text.includes("{")) return { hint: "Of a template, name what it renders to: helm template DIR > all.yaml" };
  if (text.includes("$")) return { hint: "Kubernetes replaces no variables here: name what envsubst makes of it" };
  return {};
}

function documentsIn(text: string, file: string): readonly Document[] {
  try {
    const documents = parseAllDocuments(text, { prettyErrors: false, merge: true, logLevel: "error" });
    return "empty" in documents ? [] : documents;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function toValue(document: Document, file: string): unknown {
  try {
    // Limits what aliases may blow up to ("billion laughs"), and lets none hold itself.
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    JSON.stringify(value);
    return value;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): ConfigError {
  const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
  return new ConfigError([{ message: `Cannot read "${file}": ${reason}` }], { cause });
}

/** Where a value stands; of one that an alias or a merge brings, what names that. */
function rangeOf(document: Document, path: Path): readonly [number, number] {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isObject(node) && Array.isArray(node["range"])) {
      const [start, end]: unknown[] = node["range"];
      if (typeof start === "number" && typeof end === "number") return [start, end];
    }
  }
  return [0, 0];
}
