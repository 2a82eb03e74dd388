import { formatReference, parseReference, type Reference } from "./reference.ts";

/** Where an image is, as containers-transports(5) writes it. */
export type Place =
  | { readonly transport: "registry"; readonly reference: Reference }
  | FilePlace
  | EnginePlace
  | { readonly transport: "scratch" };

/** `path` as written; "-" in an archive is standard input or output. `name` is "" when none was given. */
export interface FilePlace {
  readonly transport: "oci" | "oci-archive" | "docker-archive";
  readonly path: string;
  /** What `Source.resolve` takes: a tag, a full reference, a digest, or `@N` for the N-th image. */
  readonly name: string;
}

/** An engine's own store; `name` is "" when none was given. */
export interface EnginePlace {
  readonly transport: "podman" | "containerd" | "docker";
  readonly name: string;
}

const files = { oci: "oci", "oci-archive": "oci-archive", "docker-archive": "docker-archive" } as const;
// The last two are what skopeo and podman call the engines' stores.
const engines = {
  podman: "podman",
  containerd: "containerd",
  docker: "docker",
  "containers-storage": "podman",
  "docker-daemon": "docker",
} as const;
const foreign = new Set(["dir", "ostree", "sif", "tarball", "ocidir", "atomic", "containers-storage"]);

/**
 * Parses a place: `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`, `docker-archive:FILE[:REF]`,
 * `podman:[REF]`, `containerd:[REF]`, `docker:[REF]`, `scratch`, and everything else as a name in a
 * registry, with or without `docker://`. Throws SyntaxError.
 */
export function parsePlace(text: string): Place {
  if (text === "scratch") return { transport: "scratch" };
  if (text.startsWith("docker://")) return { transport: "registry", reference: parseReference(text.slice(9)) };

  const colon = text.indexOf(":");
  const prefix = text.slice(0, Math.max(colon, 0));
  const rest = text.slice(colon + 1);
  if (isKey(files, prefix)) return parseFilePlace(text, files[prefix], rest);
  if (isKey(engines, prefix)) return { transport: engines[prefix], name: rest };
  if (foreign.has(prefix) && /[/.]/.test(rest))
    throw new SyntaxError(
      `Cannot parse place ${JSON.stringify(text)}: "${prefix}:" is not one of ${[...Object.keys(files), "podman", "containerd", "docker", "docker://"].join(", ")}`,
    );
  if (/^\.{0,2}\//.test(text))
    throw new SyntaxError(
      `Cannot parse place ${JSON.stringify(text)}: before a path goes what is there: oci-archive:, docker-archive: or oci:`,
    );
  return { transport: "registry", reference: parseReference(text) };
}

/** The text that parses back to `place`. */
export function formatPlace(place: Place): string {
  if (place.transport === "scratch") return "scratch";
  if (place.transport === "registry") return formatReference(place.reference);
  if (!("path" in place)) return `${place.transport}:${place.name}`;
  return `${place.transport}:${place.path}${place.name === "" ? "" : `:${place.name}`}`;
}

// As skopeo: the path ends at the first colon, so a path holds none. `PATH@DIGEST` and `PATH@N` too.
function parseFilePlace(text: string, transport: FilePlace["transport"], rest: string): FilePlace {
  const byDigest = /^([^:]+)@((?:sha256|sha512):[0-9a-f]+)$/.exec(rest);
  const byIndex = /^([^:]+)(@[0-9]+)$/.exec(rest);
  const colon = rest.indexOf(":");
  const [path, name] =
    byDigest !== null
      ? [byDigest[1] ?? "", byDigest[2] ?? ""]
      : byIndex !== null
        ? [byIndex[1] ?? "", byIndex[2] ?? ""]
        : colon === -1
          ? [rest, ""]
          : [rest.slice(0, colon), rest.slice(colon + 1)];
  if (path === "") throw new SyntaxError(`Cannot parse place ${JSON.stringify(text)}: it names no path`);
  if (path.includes("\0")) throw new SyntaxError(`Cannot parse place ${JSON.stringify(text)}: the path holds a NUL`);
  return { transport, path, name: /^@(?:sha256|sha512):/.test(name) ? name.slice(1) : name };
}

function isKey<T extends object>(table: T, key: string): key is Extract<keyof T, string> {
  return Object.hasOwn(table, key);
}
