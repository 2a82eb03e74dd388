import {
  type Descriptor,
  encodeTarHeader,
  hostPlatform,
  mediaTypes,
  MemoryStore,
  type Options,
  type Source,
  tarTrailerSize,
  writeImage,
} from "@lading/oci";
import { pauseProgram } from "./pause-program.ts";

/** What the image of sandboxes is called; the tag moves when the program changes. */
export const pauseImageName = "localhost/lading/pause:1";

export interface PauseImageOptions extends Options {
  /** As images call it. Default: the host's. */
  readonly architecture?: string | undefined;
}

/** The image of sandboxes: `pauseProgram` and nothing else. The same digest always; nothing is read or pulled. */
export async function pauseImage({
  architecture = hostPlatform().architecture,
  signal,
}: PauseImageOptions = {}): Promise<{ readonly source: Source; readonly root: Descriptor }> {
  const store = new MemoryStore();
  const layer = await store.write(once(layerOf(pauseProgram(architecture))), mediaTypes.ociLayer, { signal });
  const { descriptor } = await writeImage(
    store,
    {
      config: {
        created: "1970-01-01T00:00:00Z",
        architecture,
        os: "linux",
        config: {
          // Nobody: it needs nothing of anybody.
          User: "65534:65534",
          Entrypoint: ["/pause"],
          Labels: {
            "org.opencontainers.image.title": "pause",
            "org.opencontainers.image.description": "Holds the namespaces of a sandbox",
          },
        },
        history: [{ created: "1970-01-01T00:00:00Z", created_by: "lading" }],
      },
      layers: [{ ...store.blob(layer), diffId: layer.digest }],
    },
    { signal },
  );
  await store.tag(descriptor, pauseImageName);
  return { source: store, root: descriptor };
}

function layerOf(program: Uint8Array): Uint8Array {
  const header = encodeTarHeader({
    path: "pause",
    type: "file",
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: program.byteLength,
  });
  const padding = (512 - (program.byteLength % 512)) % 512;
  return Buffer.concat([header, program, new Uint8Array(padding + tarTrailerSize)]);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
