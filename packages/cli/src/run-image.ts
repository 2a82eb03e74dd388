import { run as runOnEngine, type RunningContainer, type RunOptions, type RunSpec, stateFolder } from "@lading/runner";
import type { BuiltImage } from "./built-image.ts";
import { imageToRun, type PullPolicy } from "./containers/image-to-run.ts";
import { createProgress } from "./progress/progress.ts";
import { Registries } from "./registries.ts";

export interface RunImageOptions extends RunOptions {
  /** When a registry is asked for the image. Default: "missing". */
  readonly pull?: PullPolicy | undefined;
  /** Which image of several, as in `linux/arm64`. Default: this machine's. */
  readonly platform?: string | undefined;
}

/**
 * Runs a program of an image as a container of this process: of one at any place (`nginx:1.27`,
 * `oci-archive:app.tar`), of a folder to be built (`.`), or of one that was just built. Resolves when
 * the program has begun, or is `ready`; disposing of the result ends and removes it. Throws
 * RunnerError, and as `build` and `pull` do.
 *
 * ```ts
 * await using web = await run("oci-archive:site.tar", { ports: [{ containerPort: 8080, hostPort: 0, protocol: "tcp" }] }, { ready: { http: 8080 } });
 * const { host, port } = await web.port(8080);
 * ```
 */
export async function run(
  image: string | BuiltImage,
  spec: RunSpec = {},
  options: RunImageOptions = {},
): Promise<RunningContainer> {
  if (typeof image !== "string") return await runOnEngine(image, spec, options);
  const { pull, platform, signal } = options;
  const root = stateFolder(options.root, options.env);
  return await runOnEngine(
    async (engine) => {
      await using registries = Registries.default();
      const progress = createProgress("none");
      return await imageToRun(image, { pull, platform, engine, registries, progress, root, signal });
    },
    spec,
    options,
  );
}
