import { isReference } from "../locate.ts";
import type { ConfigIssue } from "../config/config-error.ts";
import { type Found, isObject, type Path } from "./workload-document.ts";

const containerLists: ReadonlySet<string> = new Set(["containers", "initContainers", "ephemeralContainers"]);
/** Objects that stand for a chart or a repository, whose images nobody knows before it is rendered. */
const renderedThere: ReadonlySet<string> = new Set(["HelmRelease", "HelmChart", "Application", "ApplicationSet"]);

/**
 * What the containers of an object, or of lists of them, are of. Kinds of workloads are many, and
 * operators define more: containers are called the same in most of them. What else looks like an
 * image is told.
 */
export function* kubernetesImages(value: unknown, path: Path = []): Generator<Found> {
  if (typeof value !== "object" || value === null) return;
  if (isObject(value) && typeof value["kind"] === "string" && renderedThere.has(value["kind"]))
    yield {
      path: [...path, "kind"],
      note: `what this ${value["kind"]} installs is rendered there, and not taken along`,
    };
  for (const [key, each] of Object.entries(value)) {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    const list = Array.isArray(each) ? each : [];
    for (const [at, one] of list.entries()) {
      if (!isObject(one)) continue;
      if (containerLists.has(key) && (one["image"] ?? undefined) !== undefined)
        yield { path: [...here, at, "image"], image: one["image"] };
      const volume = key === "volumes" && isObject(one["image"]) ? one["image"]["reference"] : undefined;
      if (typeof volume === "string") yield { path: [...here, at, "image", "reference"], image: volume };
    }
    const own = key === "image" && !containerLists.has(String(path.at(-2))) ? otherImage(each) : undefined;
    if (own !== undefined)
      yield { path: here, note: `${own} may be an image, and is not taken along: name it as well` };
    yield* kubernetesImages(each, here);
  }
}

/** What an operator's own object may mean by `image`. */
function otherImage(value: unknown): string | undefined {
  if (typeof value === "string") return /[:/]/.test(value) && isReference(value) ? `"${value}"` : undefined;
  if (!isObject(value) || typeof value["repository"] !== "string") return undefined;
  const { registry, repository, tag } = value;
  const parts = [
    typeof registry === "string" ? `${registry}/` : "",
    repository,
    typeof tag === "string" || typeof tag === "number" ? `:${tag}` : "",
  ];
  return `"${parts.join("")}"`;
}

/** What is wrong with a file that is not what is applied, but what that is made of. */
export function refuseUnrendered(value: unknown, file: string): ConfigIssue | undefined {
  if (!isObject(value)) return undefined;
  const api = value["apiVersion"];
  if (
    /^kustomization(?:\.ya?ml)?$/i.test(file) ||
    (typeof api === "string" && api.startsWith("kustomize.config.k8s.io/"))
  )
    return {
      message: "A kustomization changes the images of what it is made of",
      hint: "Name what it renders to: kubectl kustomize DIR > all.yaml",
    };
  if (/^Chart\.ya?ml$/.test(file))
    return {
      message: "The images of a Helm chart are known when it is rendered",
      hint: "Name what it renders to: helm template DIR > all.yaml",
    };
  return undefined;
}
