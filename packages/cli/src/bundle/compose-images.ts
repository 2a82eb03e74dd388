import { type Found, isObject } from "./workload-document.ts";

/** Whether a document is a compose file's, and no object of Kubernetes that has services. */
export function isCompose(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && isObject(value["services"]) && value["apiVersion"] === undefined;
}

/** What the services of a compose file are of, and what they mount of images; what is found elsewhere is told. */
export function* composeImages({ services, include }: Readonly<Record<string, unknown>>): Generator<Found> {
  if (Array.isArray(include) && include.length > 0)
    yield { path: ["include"], note: "what it includes is taken along only when it is named as well" };
  for (const [name, service] of Object.entries(isObject(services) ? services : {})) {
    if (!isObject(service)) continue;
    const path = ["services", name];
    if ((service["image"] ?? undefined) !== undefined) yield { path: [...path, "image"], image: service["image"] };
    else {
      const note = withoutImage(service);
      if (note !== undefined) yield { path, note: `the service ${name} ${note}` };
    }
    for (const [at, volume] of (Array.isArray(service["volumes"]) ? service["volumes"] : []).entries())
      if (isObject(volume) && volume["type"] === "image")
        yield { path: [...path, "volumes", at, "source"], image: volume["source"] };
  }
}

function withoutImage({ build, extends: base, provider }: Readonly<Record<string, unknown>>): string | undefined {
  if (build !== undefined) return "is built there, and names no image";
  const file = isObject(base) ? base["file"] : undefined;
  if (typeof file === "string") return `extends one of ${file}: name that as well`;
  return base === undefined && provider === undefined ? "names no image" : undefined;
}
