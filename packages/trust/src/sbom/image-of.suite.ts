import { gzipSync } from "node:zlib";
import {
  digestOf,
  encodeTarHeader,
  type Image,
  type Layer,
  mediaTypes,
  MemoryStore,
  tarTrailerSize,
  writeImage,
} from "@lading/oci";

/** Of a file its content; of links what they lead to. */
type Member = string | Uint8Array | { readonly symlink: string } | { readonly hardlink: string };

export interface ImageFixture {
  /** The lowest first. Files by path; a path that ends with "!" is a program. */
  readonly layers: readonly Readonly<Record<string, Member>>[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly created?: string;
}

/** An image in memory with just these files. */
export async function imageOf({ layers, annotations = {}, created }: ImageFixture): Promise<Image> {
  const store = new MemoryStore();
  const written: Layer[] = [];
  for (const members of layers) {
    const tar = tarOf(members);
    const descriptor = await store.write(chunks(gzipSync(tar)), mediaTypes.ociLayerGzip);
    written.push({ ...store.blob(descriptor), diffId: digestOf(tar) });
  }
  const config = { architecture: "amd64", os: "linux", ...(created === undefined ? {} : { created }) };
  return await writeImage(store, { config, layers: written, annotations });
}

function tarOf(members: Readonly<Record<string, Member>>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, member] of Object.entries(members)) {
    const common = {
      path: name.replace(/!$/, ""),
      mode: name.endsWith("!") ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      mtime: 0,
    };
    if (typeof member === "string" || member instanceof Uint8Array) {
      const content = Buffer.from(member);
      const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512);
      parts.push(encodeTarHeader({ ...common, type: "file", size: content.byteLength }), content, padding);
    } else if ("symlink" in member)
      parts.push(encodeTarHeader({ ...common, type: "symlink", linkname: member.symlink }));
    else parts.push(encodeTarHeader({ ...common, type: "hardlink", linkname: member.hardlink }));
  }
  return Buffer.concat([...parts, Buffer.alloc(tarTrailerSize)]);
}

// Small ones, so that everything lies across two of them somewhere.
async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 1021) yield bytes.subarray(at, at + 1021);
}
