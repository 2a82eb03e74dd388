import { type Loading, loadIntoEngine, loadIntoFile, loadIntoRegistry, parseStore } from "../../bundle/load-into.ts";
import { parseRegistryPrefix, parseRenaming } from "../../bundle/rename.ts";
import type { RenamedImage } from "../../bundle/targets.ts";
import { filesPositional, verifyFile, verifyOptions } from "../../bundle/verify-opened.ts";
import { needsNetwork } from "../../offline.ts";
import type { Command } from "../../program.ts";
import { BlobEvents } from "../../progress/blob-events.ts";
import { createProgress } from "../../progress/progress.ts";
import { printable } from "../../progress/terminal.ts";
import { Registries } from "../../registries.ts";
import { registryOptions } from "../../registry-flags.ts";
import { UsageError } from "../../usage.ts";

export const command: Command = {
  positionals: filesPositional,
  options: {
    to: {
      type: "string",
      requiresArg: true,
      describe: "HOST[:PORT][/PREFIX] of a registry, oci:DIR, oci-archive:FILE, podman: or containerd:",
    },
    rename: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "FROM=TO: another name, or another beginning of names",
    },
    scoped: { type: "boolean", describe: "in a registry, keep the images' own hosts as part of their paths" },
    "no-referrers": { type: "boolean", describe: "leave signatures, SBOMs and attestations behind" },
    ...verifyOptions,
    ...registryOptions,
  },
  examples: [
    ["bundle load site.tar --to registry.example.com/mirror", "ghcr.io/acme/app:1 as …/mirror/acme/app:1"],
    ["bundle load site.tar --to oci:images", "into a folder, for `lading serve oci:images`"],
    ["bundle load site.tar --to podman: --rename ghcr.io/acme=localhost", "as localhost/app:1"],
  ],
  run: async ({ flags, signal }) => {
    const to = flags.text("to");
    if (to === undefined)
      throw new UsageError("Cannot load a bundle without --to", {
        hint: "Write --to registry.example.com/prefix, --to oci:DIR or --to podman:",
      });
    const rules = flags.list("rename").map(parseRenaming);
    const target = parseRegistryPrefix(to) ?? (await parseStore(to));
    if (target.kind === "registry") needsNetwork(`load a bundle to ${to}`);
    await using registries = Registries.from(flags, target.kind === "registry" ? [`${target.registry}/image`] : []);
    const verified = await verifyFile(flags, signal);

    const progress = createProgress(flags.text("progress"), { quiet: flags.on("quiet") });
    registries.onEvent = (event) => progress.event(event);
    const events = new BlobEvents(to, (event) => progress.event(event));
    const loading: Loading = {
      ...verified,
      rules,
      shown: to,
      onEvent: (event) => progress.event(event),
      options: {
        signal,
        referrers: !flags.on("no-referrers"),
        onProgress: (event, blob) => events.copied(event, () => blob),
      },
    };
    let loaded: readonly RenamedImage[];
    const begun = performance.now();
    progress.event({ type: "write-start", place: to });
    try {
      if (target.kind === "registry") loaded = await loadIntoRegistry(loading, target, flags.on("scoped"), registries);
      else if (target.kind === "engine") loaded = await loadIntoEngine(loading, target);
      else loaded = await loadIntoFile(loading, target);
      const { counts: blobs, bytes: size } = events;
      const unchanged = blobs.copied + blobs.mounted === 0 && target.kind !== "engine";
      progress.event({ type: "write-done", place: to, size, unchanged, blobs, ms: performance.now() - begun });
    } finally {
      progress.end();
    }
    if (flags.on("json")) {
      const images = loaded.map(({ image, name }) => ({ from: image.name, name, digest: image.descriptor.digest }));
      process.stdout.write(`${JSON.stringify({ digest: verified.bundle.digest, images, blobs: events.counts })}\n`);
      return;
    }
    for (const { image, name } of loaded) {
      const { digest } = image.descriptor;
      process.stdout.write(flags.on("quiet") ? `${digest}\n` : `${printable(name ?? "-")}  ${digest}\n`);
    }
  },
};
