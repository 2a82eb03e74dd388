import type { Options } from "@lading/oci";
import { RunnerError } from "../errors.ts";
import type { ContainerdClient } from "./client.ts";

// The default of containerd, then what it has where that does not work.
const preferred = ["overlayfs", "fuse-overlayfs", "btrfs", "zfs", "native"] as const;

/** Which of containerd's snapshotters to use: the first that works here. Throws RunnerError NO_ENGINE. */
export async function chooseSnapshotter(client: ContainerdClient, { signal }: Options = {}): Promise<string> {
  const { plugins } = await client.introspection.plugins({ filters: ["type==io.containerd.snapshotter.v1"] }, signal);
  const working = new Set(plugins.filter(({ initErr }) => initErr === undefined).map(({ id }) => id));
  const chosen = preferred.find((name) => working.has(name));
  if (chosen !== undefined) return chosen;
  const reasons = plugins.map(({ id, initErr }) => `${id}: ${initErr?.message ?? "not known here"}`);
  throw new RunnerError("NO_ENGINE", `Cannot use containerd: none of its snapshotters works (${reasons.join("; ")})`);
}
