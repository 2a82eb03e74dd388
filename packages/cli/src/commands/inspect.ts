import { attestationManifestsOf, formatPlatform, isIndexType, readBlob } from "@lading/oci";
import type { FoundAttestation } from "@lading/trust";
import { type ImageFacts, readImage } from "../show/image-layers.ts";
import { type Located, locate } from "../locate.ts";
import { openPlatform, platformsOf } from "../open-platform.ts";
import type { Flags } from "../flags.ts";
import type { Command } from "../program.ts";
import { naming, Registries } from "../registries.ts";
import { registryOptions } from "../registry-flags.ts";
import { showImage } from "../show/show-image.ts";
import { attestationLines } from "../show/show-attestations.ts";
import { styleFor } from "../progress/terminal.ts";

export const command: Command = {
  positionals: { place: { type: "string", describe: "where the image is, or a container's name or ID" } },
  options: {
    type: {
      type: "string",
      requiresArg: true,
      choices: ["container", "image"],
      describe: "default: the container of that name, when there is one",
    },
    platform: { type: "string", requiresArg: true, describe: "which image of several; default: this machine's" },
    files: { type: "boolean", describe: "list the files of each layer" },
    raw: { type: "boolean", describe: "the manifest or index, byte for byte" },
    config: { type: "boolean", describe: "the image config, byte for byte" },
    root: { type: "string", requiresArg: true, describe: "folder of containers; default: LADING_ROOT, else as `run`" },
    ...registryOptions,
  },
  examples: [
    ["inspect oci-archive:app.tar", "config, layers, wasted space, what is attested of it"],
    ["inspect --files oci:layout:1.2", "and what is in each layer"],
    ["inspect web", "a container: how it is, and how isolated"],
  ],
  run: async ({ flags, signal }) => {
    if (await isContainer(flags, signal)) return;
    await using registries = Registries.from(flags, [flags.required("place")]);
    const located = await locate(flags.required("place"), registries, { signal });
    const platform = flags.text("platform");
    if (flags.on("raw") && platform === undefined) return await raw(located, located.descriptor, signal);
    const image = await openPlatform(located, platform, { signal });
    if (flags.on("raw")) return await raw(located, image.descriptor, signal);
    if (flags.on("config")) return await raw(located, image.manifest.config, signal);

    const platforms = await platformsOf(located, { signal });
    const facts = await readImage(image, { signal });
    const attestations = await attestationsOf(located, image.descriptor, signal);
    if (!flags.on("json")) {
      const style = styleFor(process.stdout);
      const lines = attestationLines(attestations, style).map((line) => `${line}\n`);
      process.stdout.write(showImage(located, platforms, image, facts, style, flags.on("files")) + lines.join(""));
      return;
    }
    const document = {
      place: located.shown,
      names: located.names,
      digest: located.descriptor.digest,
      mediaType: located.descriptor.mediaType,
      platforms,
      image: {
        platform: formatPlatform(image.platform),
        digest: image.descriptor.digest,
        imageId: image.manifest.config.digest,
        size: facts.layers.reduce((sum, layer) => sum + layer.size, 0),
        annotations: image.manifest.annotations ?? {},
        config: image.config,
        layers: facts.layers.map(({ index, ...layer }) =>
          flags.on("files") ? { ...layer, contents: contents(index) } : layer,
        ),
        wasted: { bytes: facts.wasted.reduce((sum, file) => sum + file.size, 0), files: facts.wasted },
        attestations,
      },
    };
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  },
};

/** What is said of the image, or of the index that it is in. */
async function attestationsOf(
  { source, descriptor, shown }: Located,
  image: Located["descriptor"],
  signal: AbortSignal,
): Promise<readonly FoundAttestation[]> {
  const index = isIndexType(descriptor.mediaType) ? descriptor : undefined;
  return await naming(shown, async () => {
    const manifests = await attestationManifestsOf(source, image, { index, signal });
    if (manifests.length === 0) return [];
    const { readAttestations } = await import("@lading/trust");
    return await readAttestations(source, manifests, { signal });
  });
}

/** Shows the container, when one is meant; the runner is loaded only for what could be its name. */
async function isContainer(flags: Flags, signal: AbortSignal): Promise<boolean> {
  const name = flags.required("place");
  const type = flags.text("type");
  if (type === "image" || (type === undefined && !/^[a-zA-Z0-9][\w.-]*$/.test(name))) return false;
  const [{ Engines }, { inspectContainer }] = await Promise.all([
    import("../containers/engines.ts"),
    import("../containers/inspect-container.ts"),
  ]);
  await using engines = Engines.from(flags);
  if (type === undefined && !engines.has(name)) return false;
  await inspectContainer(name, flags, engines, signal);
  return true;
}

async function raw(located: Located, descriptor: Located["descriptor"], signal: AbortSignal): Promise<void> {
  process.stdout.write(await readBlob(located.source.blob(descriptor), { signal }));
}

function contents(index: ImageFacts["layers"][number]["index"]): unknown[] {
  return index.entries.flatMap((entry): unknown => {
    if (entry.kind === "ignored") return [];
    if (entry.kind !== "node") return entry;
    const { path, type, mode, uid, gid, size, mtime, linkname } = entry.header;
    return {
      kind: type,
      path,
      mode: mode.toString(8).padStart(4, "0"),
      uid,
      gid,
      size,
      mtime,
      ...(linkname === "" ? {} : { linkname }),
    };
  });
}
