import type { Options } from "@lading/oci";
import type { Container, Engine, EngineImage } from "./engine.ts";
import { readHost } from "./host/read-host.ts";
import type { FactsStore } from "./image/facts-store.ts";
import { type ImageFacts, imageFacts } from "./image/image-facts.ts";
import { planContainer } from "./plan-container.ts";
import type { RunSpec } from "./run-spec.ts";
import { findOnHost } from "./security/host-request.ts";

export interface CreateContainerOptions extends Options {
  /** The name that the image was asked for by, for people. */
  readonly imageName: string;
  /** Where facts of images are kept. */
  readonly facts: FactsStore;
}

/** A container, not started, and what people should know of it. */
export interface CreatedContainer {
  readonly container: Container;
  /** What was chosen or left out because of the machine, and what this engine had better not be used for. */
  readonly notes: readonly string[];
}

/**
 * Makes a container of an image that the engine has: looks at the image and at what the request names
 * on this machine, plans, and hands the plan to the engine. Throws RunnerError as `checkImage`,
 * `planContainer` and `Engine.create`.
 */
export async function createContainer(
  engine: Engine,
  image: EngineImage,
  spec: RunSpec,
  { imageName, facts: store, signal }: CreateContainerOptions,
): Promise<CreatedContainer> {
  const [found, info, facts] = await Promise.all([
    findOnHost(spec),
    engine.info({ signal }),
    factsOf(engine, image, store, { signal }),
  ]);
  const plan = planContainer(found.spec, {
    config: image.config.config ?? {},
    facts,
    engine: info,
    host: readHost(),
    devices: found.devices,
    init: found.init,
  });
  const container = await engine.create(plan, image, { imageName, signal });
  return { container, notes: plan.notes };
}

/** Kept ones, else read from the engine: of an image that came there without Lading. */
async function factsOf(engine: Engine, { id }: EngineImage, store: FactsStore, options: Options): Promise<ImageFacts> {
  const known = await store.get(id);
  if (known !== undefined) return known;
  await using opened = await engine.images.open(id, options);
  const facts = await imageFacts(opened.image, options);
  await store.set(id, facts);
  return facts;
}
