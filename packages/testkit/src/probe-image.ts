import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  type ContainerConfig,
  digestOf,
  hostPlatform,
  type Image,
  type Layer,
  MemoryStore,
  mediaTypes,
  writeImage,
} from "@lading/oci";
import { pack } from "tar-stream";
import { probeScript } from "./probe.ts";

/** A file of the probe image; a directory when it has neither content nor a link. */
export interface ProbeFile {
  readonly path: string;
  readonly content?: string | Uint8Array;
  /** Of a symlink. */
  readonly target?: string;
  /** Default: 0o755. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface ProbeImageOptions {
  /** Over the image's own. */
  readonly config?: ContainerConfig;
  /** More files, in a layer of their own. */
  readonly files?: readonly ProbeFile[];
}

export interface ProbeImage {
  readonly source: MemoryStore;
  readonly image: Image;
  /** What a plan is made with. */
  readonly accounts: { readonly passwd: string; readonly group: string };
}

const passwd = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1000::/home/app:/bin/sh
other:x:1001:1001::/:/bin/sh
`;
const group = `root:x:0:
staff:x:50:app
audio:x:63:
app:x:1000:
other:x:1001:
`;

const applets =
  "sh ash awk base64 basename cat chmod chown chroot cp cut date dd df dirname echo env false find grep head hostname httpd id ip kill ln ls md5sum mkdir mkfifo mknod mktemp mount mv nc nproc nslookup od ping pgrep ping printf ps pwd readlink realpath rm seq setsid sha256sum sleep sort stat stty sync tail test timeout top touch tr true tty umount uname unshare wc wget which whoami xargs yes";

/** Who is in the image, what can be written, and something that a volume can be made of. */
const folders: readonly ProbeFile[] = [
  { path: "root", mode: 0o700 },
  { path: "tmp", mode: 0o1777 },
  { path: "home" },
  { path: "home/app", uid: 1000, gid: 1000 },
  { path: "etc" },
  { path: "etc/passwd", content: passwd, mode: 0o644 },
  { path: "etc/group", content: group, mode: 0o644 },
  { path: "srv" },
  { path: "srv/data", uid: 1000, gid: 1000, mode: 0o750 },
  { path: "srv/data/seed", content: "seed\n", mode: 0o640, uid: 1000, gid: 1000 },
  { path: "gone", content: "of the layer below\n", mode: 0o644 },
];

/**
 * An image of busybox and `/bin/probe`, which tells what it sees of its isolation (`parseProbe`);
 * FROM scratch, in three layers that name the folders they stand on, the middle one compressed. Each call gives an image of its own.
 */
export async function probeImage({ config = {}, files = [] }: ProbeImageOptions = {}): Promise<ProbeImage> {
  const store = new MemoryStore();
  const links = [...new Set(applets.split(" "))].map((name) => ({ path: `bin/${name}`, target: "busybox" }));
  const layers = [
    await writeLayer(store, [{ path: "bin" }, { path: "bin/busybox", content: await busybox() }, ...links]),
    await writeLayer(store, folders, true),
    await writeLayer(store, [
      { path: "bin" },
      { path: "bin/probe", content: probeScript },
      { path: ".wh.gone", content: "" },
      ...files,
    ]),
  ];
  const image = await writeImage(store, {
    config: {
      created: "2026-01-01T00:00:00Z",
      ...hostPlatform(),
      config: {
        Env: ["PATH=/bin", "FROM_IMAGE=yes"],
        Cmd: ["/bin/probe"],
        Labels: { "test.lading/id": randomUUID() },
        ...config,
      },
      history: layers.map(() => ({ created: "2026-01-01T00:00:00Z", created_by: "probeImage" })),
    },
    layers,
  });
  return { source: store, image, accounts: { passwd, group } };
}

let program: Promise<Uint8Array> | undefined;

/** Debian's busybox-static: it needs no library. */
function busybox(): Promise<Uint8Array> {
  program ??= findBusybox();
  return program;
}

async function findBusybox(): Promise<Uint8Array> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter))
    try {
      return await readFile(join(folder, "busybox"));
    } catch {
      // Not in this folder.
    }
  throw new Error("Cannot make the probe image: no busybox on PATH");
}

async function writeLayer(store: MemoryStore, files: readonly ProbeFile[], compressed = false): Promise<Layer> {
  const tar = pack();
  for (const { path, content, target, mode = 0o755, uid = 0, gid = 0 } of files) {
    const header = { name: path, mode, uid, gid, mtime: new Date(0) };
    if (target !== undefined) tar.entry({ ...header, type: "symlink", linkname: target });
    else if (content === undefined) tar.entry({ ...header, type: "directory" });
    else tar.entry(header, Buffer.from(content));
  }
  tar.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of tar) if (part instanceof Uint8Array) parts.push(part);
  const bytes = Buffer.concat(parts);
  const stored = compressed ? gzipSync(bytes, { level: 1 }) : bytes;
  const mediaType = compressed ? mediaTypes.ociLayerGzip : mediaTypes.ociLayer;
  const descriptor = await store.write(once(stored), mediaType);
  return { ...store.blob(descriptor), diffId: digestOf(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
