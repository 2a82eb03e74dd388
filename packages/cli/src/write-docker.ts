import { formatReference, openImage, parseReference, tapSource, withDefaultTag } from "@lading/oci";
import { DockerStore } from "@lading/runner";
import type { EngineDestination } from "./destination.ts";
import { isReference } from "./locate.ts";
import type { Content, WriteOptions, Written } from "./write-image.ts";

/** Gives Docker an image under its names; of several platforms this machine's. Throws RunnerError. */
export async function writeToDocker(
  { name, shown }: EngineDestination,
  { source, descriptor }: Content,
  names: readonly string[],
  { signal, onEvent }: WriteOptions,
): Promise<Written> {
  const begun = performance.now();
  onEvent?.({ type: "write-start", place: shown });
  const docker = await DockerStore.open({ signal });
  const { manifest } = await openImage(source, descriptor, { signal });
  const wanted = (name === "" ? names : [name])
    .filter(isReference)
    .map((one) => formatReference(withDefaultTag(parseReference(one))));
  const there = await Promise.all(
    (wanted.length === 0 ? [manifest.config.digest] : wanted).map(async (one) => await docker.find(one, { signal })),
  );
  const unchanged = there.every((id) => id === manifest.config.digest);
  let bytes = 0;
  if (!unchanged) {
    const onBytes = (more: number): void => {
      bytes += more;
      onEvent?.({ type: "write-progress", place: shown, done: bytes });
    };
    await docker.import(
      tapSource(source, () => ({ onBytes })),
      descriptor,
      { names: wanted, signal },
    );
  }
  const written = { place: shown, size: bytes, unchanged, ms: performance.now() - begun };
  onEvent?.({ type: "write-done", ...written });
  return written;
}
