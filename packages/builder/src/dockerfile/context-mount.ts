import { nothing } from "../plan/lower.ts";
import { planLayer } from "../plan/plan.ts";
import { type Packing, toLayer } from "../pack/packing.ts";
import type { DiskFiles } from "./disk-files.ts";
import type { MountFiles } from "./prepare-mount.ts";
import { listTransfer } from "./transfer.ts";

export interface ContextMountOptions {
  /** What the layer is called. */
  readonly name: string;
  readonly packing: Packing;
  readonly cacheDir: string;
  /** Seconds; times after it become this one. */
  readonly latest: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Something of the context to mount in a step, as a layer: COPY would put the same there, so that what an ignore file
 * hides is not seen; files of other times are another step. Throws BuildError SOURCE_MISSING.
 */
export async function contextMount(
  files: DiskFiles,
  source: string,
  { name, packing, cacheDir, latest, signal }: ContextMountOptions,
): Promise<MountFiles> {
  const listed = await listTransfer(
    {
      files,
      sources: [source.replaceAll(/[*?[\\\]]/g, String.raw`\$&`)],
      given: [],
      destination: "/mounted",
      workdir: "/",
      owner: undefined,
      fileMode: undefined,
      directoryMode: undefined,
      madeMode: undefined,
      exclude: [],
      parents: false,
      unpack: "none",
      timestamp: 1,
      latest,
      cacheDir,
    },
    nothing,
    { signal },
  );
  const { plan } = planLayer({ name, listed, remove: [], lower: nothing, accounts: undefined, mtime: 1 });
  const packed = await packing.pack(plan);
  return { base: undefined, layers: [toLayer(packed, packing.source)], path: "/mounted", key: packed.diffId };
}
