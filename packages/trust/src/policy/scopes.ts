import { formatReference, type Reference } from "@lading/oci";
import type { PolicyPlace } from "./policy.ts";

/** How policies call where images come from (containers-policy.json(5) §Supported transports). */
export type PolicyTransport = "docker" | "oci" | "oci-archive" | "docker-archive";

/** Scopes that an image is in. */
export interface Scopes {
  readonly transport: PolicyTransport;
  /** From the narrowest to the widest; "" is all of the transport. */
  readonly scopes: readonly string[];
}

/** The scopes of a place, as containers/image looks them up. */
export function scopesOf(place: PolicyPlace): Scopes {
  if (place.transport === "docker") return { transport: "docker", scopes: referenceScopes(place.reference) };
  if (place.transport === "docker-archive") return { transport: place.transport, scopes: [""] };
  const parts = place.path.split("/");
  const folders = parts.map((_, index) => parts.slice(0, parts.length - index).join("/")).filter((each) => each !== "");
  return { transport: place.transport, scopes: [...folders, ""] };
}

/** The scopes of images by what they are called, as if they came from there. */
export function namesToScopes(names: readonly Reference[]): readonly Scopes[] {
  return names.map((reference) => ({ transport: "docker", scopes: referenceScopes(reference) }));
}

function referenceScopes({ registry, repository, tag, digest }: Reference): readonly string[] {
  const full = formatReference({
    registry,
    repository,
    ...(digest !== undefined ? { digest } : tag === undefined ? {} : { tag }),
  });
  const parts = `${registry}/${repository}`.split("/");
  const folders = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  // Without the port (docker/policyconfiguration/naming.go): `*.example.com` is of any.
  const labels = registry.replace(/:\d+$/, "").split(".");
  const wildcards = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`);
  return [full, ...folders, ...wildcards, ""];
}
