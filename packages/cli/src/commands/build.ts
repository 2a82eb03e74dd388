import type { Options } from "yargs";
import { checkByFlags } from "../build/check-by-flags.ts";
import { buildOnce } from "../build/build-once.ts";
import { loadable } from "../build/build-destinations.ts";
import { runInNamespace, takesNamespace } from "../build/namespace-root.ts";
import { untilInterrupted } from "../interruption.ts";
import type { Command } from "../program.ts";
import { registryOptionsBesideUser } from "../registry-flags.ts";
import { policyOption } from "../trust/policy-flags.ts";
import { signingOptions } from "../trust/signing-flags.ts";
import { frontEndOptions } from "../front-ends/front-ends.ts";
import { standardInput } from "../config/config-file.ts";
import { specOptions } from "../config/spec-flags.ts";
import { UsageError } from "../usage.ts";

const output = "What comes out:";
const work = "How it is built:";
const file = (describe: string): Options => ({ describe, type: "string", requiresArg: true, group: output });
const inGroup = (options: Readonly<Record<string, Options>>, group: string): Readonly<Record<string, Options>> =>
  Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { ...option, group }]));
const toggle = (describe: string, group: string): Options => ({ describe, type: "boolean", group });

export const command: Command = {
  positionals: {
    context: {
      type: "string",
      default: ".",
      describe: "folder that sources are relative to, or a jar, a war or a program",
    },
  },
  options: {
    file: {
      ...file("build description, or - for a Dockerfile from stdin; default: lading.yaml, Dockerfile… in CONTEXT"),
      alias: "f",
      group: work,
    },
    tag: { ...file("name of the image, or a bare tag of the description's name"), alias: "t", array: true },
    output: {
      ...file("a reference, oci:DIR, oci-archive:FILE, docker-archive:FILE, podman:, containerd: or docker:"),
      alias: "o",
      array: true,
    },
    push: toggle("send it to the registries of its names", output),
    load: { ...file("give it to an engine: podman, containerd, docker or runc"), array: true, choices: loadable },
    "metadata-file": file("write what was built as JSON"),
    iidfile: file("write the image ID; with several platforms, the index's digest"),
    "digest-file": file("write the digest"),
    sbom: {
      ...file("attach an SBOM of each image: cyclonedx (the default) or spdx"),
      array: true,
      choices: ["cyclonedx", "spdx"],
    },
    provenance: toggle("attach how it was built, as SLSA v1 has it", output),
    sign: toggle("sign what was built where it goes, and what --sbom and --provenance say of it", output),
    ...inGroup(signingOptions, "Who signs it, with --sign:"),
    ...specOptions,
    check: toggle("tell what is doubtful about a Dockerfile, and build nothing", work),
    "dry-run": toggle("print what would be built, and write nothing", work),
    watch: toggle("build again whenever a source changes, until Ctrl-C", work),
    explain: toggle("say of each layer why it was packed, or not", work),
    locked: toggle("refuse bases that lading.lock does not have", work),
    "no-cache": toggle("pack every layer again", work),
    "cache-dir": { ...file("folder for layers; default: LADING_CACHE_DIR, else $XDG_CACHE_HOME/lading"), group: work },
    ...frontEndOptions,
    ...policyOption,
    ...registryOptionsBesideUser,
  },
  bare: { sbom: "cyclonedx" },
  examples: [
    ["build", "build what ./lading.yaml describes"],
    ["build --add dist:/srv --platform linux/amd64,linux/arm64 -t acme/site:1", "without a description"],
    ["build --from node:24-slim --add dist:/app -t ghcr.io/acme/app:1 --push", "on a base, to a registry"],
    ["build target/app.jar -t acme/app:1", "a Java program, in layers"],
    ["build -t ghcr.io/acme/app:1 --push --sbom --provenance", "with what is in it and how it was built attached"],
    ["build -t ghcr.io/acme/app:1 --push --sign --key cosign.key", "and signed"],
    ["build ./server -t acme/server:1", "a static program, alone"],
    ["build site --from nginx:alpine -t acme/site:1", "a folder with an index.html"],
    ["build -o oci:layout -o docker-archive:app.tar", "to two places"],
    ["build -t app:1 --load podman", "into podman's store, without a file"],
    ["build -t app:1 --load podman --watch", "the same after every edit"],
  ],
  run: async ({ flags, signal, interruption }) => {
    if (flags.on("check")) return await checkByFlags(flags, { signal });
    if (!flags.on("watch")) {
      if (await takesNamespace(flags)) return await runInNamespace(flags, interruption);
      return void (await buildOnce(flags, signal));
    }
    if (flags.on("dry-run")) throw new UsageError("Cannot use --watch with --dry-run: there is nothing to deliver");
    if (flags.text("file") === standardInput)
      throw new UsageError("Cannot use --watch with --file -: what comes on standard input comes once");
    if (await takesNamespace(flags)) return await runInNamespace(flags, interruption);
    const { watchBuild } = await import("../build/watch-build.ts");
    return await untilInterrupted(signal, async () => await watchBuild(flags, signal));
  },
};
