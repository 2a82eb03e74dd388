import type { SpecDocument } from "@lading/testkit";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";

/** A JSON document of an OCI layout, read without any code of ours. */
export interface Document {
  readonly kind: SpecDocument;
  readonly json: unknown;
}

const descriptor = z.object({ mediaType: z.string(), digest: z.string(), size: z.number() });
const index = z.object({ manifests: z.array(descriptor) });
const manifest = z.object({ config: descriptor, layers: z.array(descriptor) });

/** Every document of a layout folder, from `oci-layout` down. */
export async function readDocuments(layout: string): Promise<readonly Document[]> {
  const top = await readJson(join(layout, "index.json"));
  return [
    { kind: "layout", json: await readJson(join(layout, "oci-layout")) },
    { kind: "index", json: top },
    ...(await below(layout, top)),
  ];
}

/** Files of the layers of the only image, the lowest first. */
export async function layerFiles(layout: string): Promise<readonly string[]> {
  const documents = await readDocuments(layout);
  const manifests = documents.filter(({ kind }) => kind === "manifest");
  return manifests.flatMap(({ json }) => manifest.parse(json).layers.map(({ digest }) => blobPath(layout, digest)));
}

async function below(layout: string, parent: unknown): Promise<readonly Document[]> {
  const documents: Document[] = [];
  for (const { mediaType, digest } of index.parse(parent).manifests) {
    const json = await readJson(blobPath(layout, digest));
    if (mediaType === "application/vnd.oci.image.index.v1+json")
      documents.push({ kind: "index", json }, ...(await below(layout, json)));
    else {
      const config = await readJson(blobPath(layout, manifest.parse(json).config.digest));
      documents.push({ kind: "manifest", json }, { kind: "config", json: config });
    }
  }
  return documents;
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}

function blobPath(layout: string, digest: string): string {
  return join(layout, "blobs", ...digest.split(":"));
}
