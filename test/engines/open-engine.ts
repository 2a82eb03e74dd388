import { ContainerdEngine, type Engine, PodmanEngine, RuncEngine } from "@lading/runner";
import { z } from "zod";

const settingsSchema = z.discriminatedUnion("name", [
  z.object({ name: z.literal("runc"), root: z.string() }),
  z.object({ name: z.literal("podman"), root: z.string(), socket: z.string() }),
  z.object({ name: z.literal("containerd"), root: z.string(), address: z.string() }),
]);

/** Which engine, where it answers, and where Lading keeps what it knows of its containers. */
export type EngineSettings = z.infer<typeof settingsSchema>;

/** Opens an engine that a test has started; other processes open the same one by the same settings. */
export async function openEngine(given: unknown): Promise<Engine> {
  const settings = settingsSchema.parse(given);
  if (settings.name === "runc") return new RuncEngine(settings);
  return settings.name === "podman" ? PodmanEngine.open(settings) : ContainerdEngine.open(settings);
}
