import { type Descriptor, mediaTypes } from "@lading/oci";
import { expect, test } from "vitest";
import { childLabels } from "./gc-labels.ts";

const descriptor = (mediaType: string, digit: string): Descriptor => ({
  mediaType,
  digest: `sha256:${digit.repeat(64)}`,
  size: 1,
});

// What `ctr content ls` shows of an image that ctr itself imported.
test("a manifest's labels are those that ctr import writes", () => {
  const labels = childLabels([
    descriptor(mediaTypes.ociConfig, "c"),
    descriptor(mediaTypes.ociLayerGzip, "1"),
    descriptor(mediaTypes.dockerLayerGzip, "2"),
  ]);

  expect(labels).toEqual({
    "containerd.io/gc.ref.content.config": `sha256:${"c".repeat(64)}`,
    "containerd.io/gc.ref.content.l.0": `sha256:${"1".repeat(64)}`,
    "containerd.io/gc.ref.content.l.1": `sha256:${"2".repeat(64)}`,
  });
});

test("an index names its manifests, and what nobody knows is numbered all the same", () => {
  const labels = childLabels([
    descriptor(mediaTypes.ociManifest, "a"),
    descriptor(mediaTypes.dockerManifest, "b"),
    descriptor("application/vnd.example", "d"),
  ]);

  expect(Object.keys(labels)).toEqual([
    "containerd.io/gc.ref.content.m.0",
    "containerd.io/gc.ref.content.m.1",
    "containerd.io/gc.ref.content.0",
  ]);
});
