import { RunnerError } from "../errors.ts";

// crun(1): hooks with the host's paths, other handlers, seccomp from elsewhere. podman passes an image's on.
const prefixes = ["run.oci.", "module.wasm.image/"];

/** Refuses an image that gives the runtime orders. Throws RunnerError UNSAFE_IMAGE. */
export function checkAnnotations(annotations: Readonly<Record<string, string>>): void {
  const obeyed = Object.keys(annotations).find((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  if (obeyed !== undefined)
    throw new RunnerError(
      "UNSAFE_IMAGE",
      `Cannot run the image with podman: its annotation "${obeyed}" is an order to crun`,
      { hint: "Build it without that annotation, or choose another engine" },
    );
}
