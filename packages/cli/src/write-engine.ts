import {
  firstOf,
  formatReference,
  isIndexType,
  openImage,
  type Options,
  parseReference,
  tapSource,
  withDefaultTag,
} from "@lading/oci";
import { checkImport, type Engine, importImage } from "@lading/runner";
import type { EngineDestination } from "./destination.ts";
import { EnginePool } from "./engine-pool.ts";
import { isReference } from "./locate.ts";
import { Spool } from "./spool.ts";
import { Transfer } from "./transfer.ts";
import type { Content, WriteOptions, Written } from "./write-image.ts";

/**
 * Gives an engine an image under its names; of several platforms this machine's, as an engine has no
 * use for others. Throws RunnerError, UNSAFE_IMAGE for what may not be run.
 */
export async function writeToEngine(
  destination: EngineDestination,
  content: Content,
  names: readonly string[],
  options: WriteOptions,
): Promise<Written> {
  const { engine: asked, name, shown } = destination;
  if (asked === "docker")
    return await (await import("./write-docker.ts")).writeToDocker(destination, content, names, options);
  const { source, descriptor } = content;
  const { signal, onEvent, remote = false, engines } = options;
  const begun = performance.now();
  onEvent?.({ type: "write-start", place: shown });
  await using own = new EnginePool();
  const pool = engines ?? own;
  const engine = await pool.open(asked, { signal });
  const image = await openImage(source, descriptor, { signal });
  const given = name === "" ? names : [name];
  const wanted = given.filter(isReference).map((one) => formatReference(withDefaultTag(parseReference(one))));
  const unchanged = await has(engine, image.manifest.config.digest, wanted, signal);
  let bytes = 0;
  if (!unchanged) {
    // An engine reads layers more than once; over a network they would come each time.
    await using spool = remote ? await Spool.create() : undefined;
    if (spool !== undefined)
      await new Transfer(shown, { signal, onEvent, referrers: false }).copy(source, spool.store, image.descriptor);
    const onBytes = (more: number): void => {
      bytes += more;
      if (!remote) onEvent?.({ type: "write-progress", place: shown, done: bytes });
    };
    const counted = tapSource(spool === undefined ? source : firstOf(spool.source, source), () => ({ onBytes }));
    const index = isIndexType(descriptor.mediaType) ? descriptor : undefined;
    for (const one of wanted.length === 0 ? [undefined] : wanted)
      await importImage(engine, counted, image.descriptor, { name: one, index, facts: pool.facts, signal });
  }
  await pool.given(engine, image.manifest.config.digest, { signal });
  const written = { place: shown, size: bytes, unchanged, ms: performance.now() - begun };
  onEvent?.({ type: "write-done", ...written });
  return written;
}

/**
 * Looks at an image as `writeToEngine` will, which has no need to do it again: whether it may be run
 * here. Throws as that. Docker looks at images itself.
 */
export async function checkForEngine(
  { engine: asked }: EngineDestination,
  { source, descriptor }: Content,
  engines: EnginePool,
  { signal }: Options,
): Promise<void> {
  if (asked === "docker") return void (await openImage(source, descriptor, { signal }));
  await checkImport(await engines.open(asked, { signal }), source, descriptor, { facts: engines.facts, signal });
}

async function has(
  engine: Engine,
  id: string,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (const name of names.length === 0 ? [id] : names)
    if ((await engine.images.find(name, { signal }))?.id !== id) return false;
  return true;
}
