import type { SourceLocation } from "@lading/builder";
import { formatReference, parseReference, withDefaultTag } from "@lading/oci";
import { type Document, parseAllDocuments } from "yaml";
import { ConfigError, type ConfigIssue } from "../config/config-error.ts";
import { locateText } from "../config/locate-text.ts";
import { interpolate, type Variables } from "./interpolate.ts";

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
  /** Services of compose that name no image, because they are built where they run. */
  readonly built: readonly string[];
}

/**
 * The images of all containers and image volumes in a file's documents: Kubernetes objects of any
 * kind, lists of them, and services of compose. Throws ConfigError, which shows the line.
 */
export function workloadImages(text: string, file: string, variables: Variables): Workloads {
  const images: WorkloadImage[] = [];
  const built: string[] = [];
  const where = (start: number, end: number): SourceLocation => locateText(text, file, start, end);
  const documents = parseAllDocuments(text, { prettyErrors: false, merge: true, logLevel: "error" });
  for (const document of "empty" in documents ? [] : documents) {
    const [error] = document.errors;
    if (error !== undefined)
      throw new ConfigError([
        {
          message: `Not valid YAML: ${error.message}`,
          location: where(...error.pos),
          ...(text.includes("{{") ? { hint: "Of a template, name what it renders to: helm template > all.yaml" } : {}),
        },
      ]);
    for (const { text: written, path, isCompose } of imagesIn(toValue(document, file), built)) {
      const location = where(...rangeOf(document, path));
      const image = isCompose ? interpolate(written, variables) : written;
      const full = typeof image === "string" ? fullName(image) : image;
      if (typeof full !== "string") throw new ConfigError([{ ...full, location }]);
      images.push({ image: full, line: location.line });
    }
  }
  return { images, built };
}

type Path = readonly (string | number)[];

interface Written {
  readonly text: string;
  readonly path: Path;
  readonly isCompose: boolean;
}

function* imagesIn(value: unknown, built: string[]): Generator<Written> {
  if (!isObject(value) || !isObject(value["services"]) || value["apiVersion"] !== undefined) {
    yield* containerImages(value, []);
    return;
  }
  for (const [name, service] of Object.entries(value["services"])) {
    if (!isObject(service)) continue;
    const { image, build } = service;
    if (typeof image === "string") yield { text: image, path: ["services", name, "image"], isCompose: true };
    else if (build !== undefined) built.push(name);
  }
}

/** Kinds of workloads are many, and operators define more; containers are called the same in all of them. */
function* containerImages(value: unknown, path: Path): Generator<Written> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, each] of Object.entries(value)) {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    const list = Array.isArray(each) ? each : [];
    for (const [at, one] of list.entries()) {
      if (!isObject(one)) continue;
      const image = containerLists.has(key) ? one["image"] : undefined;
      if (typeof image === "string") yield { text: image, path: [...here, at, "image"], isCompose: false };
      const volume = key === "volumes" && isObject(one["image"]) ? one["image"]["reference"] : undefined;
      if (typeof volume === "string")
        yield { text: volume, path: [...here, at, "image", "reference"], isCompose: false };
    }
    yield* containerImages(each, here);
  }
}

const containerLists: ReadonlySet<string> = new Set(["containers", "initContainers", "ephemeralContainers"]);

function fullName(image: string): string | ConfigIssue {
  try {
    return formatReference(withDefaultTag(parseReference(image)));
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
}

function toValue(document: Document, file: string): unknown {
  try {
    // Limits what aliases may blow up to ("billion laughs").
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([{ message: `Cannot read "${file}": ${reason}` }], { cause });
  }
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
