import { writeSync } from "node:fs";
import { type Image, openImage } from "@lading/oci";
import { RuncSteps, type Step } from "@lading/runner";
import { hostPlatform } from "@lading/oci";
import { probeImage } from "@lading/testkit";
import { run } from "../interop/command.ts";

/** A shell's step on a base, by itself. */
export function probeStep(base: Image, script: string): Step {
  return {
    base,
    layers: [],
    platform: hostPlatform(),
    argv: ["/bin/sh", "-c", script],
    env: ["PATH=/bin"],
    cwd: "/",
    user: "",
    network: "none",
    mounts: [],
  };
}

/* As a program: runs a step with arguments ROOT RUNTIME COMMAND, and says so when it has begun. */
const [script, root, runtime, command] = process.argv.slice(1);
if (import.meta.filename === script && root !== undefined && runtime !== undefined) {
  const { source, image } = await probeImage();
  const base = await openImage(source, image.descriptor);
  const steps = new RuncSteps({ root, runtime: (await run("which", [runtime])).trim() });
  const step = probeStep(base, `setsid ${command} & echo begun; wait`);
  await steps.run(step, { onOutput: (chunk) => void writeSync(1, chunk) });
}
