import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { openImage } from "@lading/oci";
import { randomImage, temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { DockerStore } from "./docker-store.ts";

interface Answers {
  readonly driverStatus: readonly (readonly [string, string])[];
  readonly load?: object;
}

/** How large the archive is that a daemon gets which has all layers of an image but the last. */
async function sentTo({ driverStatus, load = { stream: "Loaded image: a.example/a:1\n" } }: Answers): Promise<number> {
  await using folder = await temporaryFolder();
  const { source, descriptor } = await randomImage({ layers: 3, size: 100_000 });
  const { layers, manifest } = await openImage(source, descriptor);
  const there = layers.slice(0, -1).map(({ diffId }) => diffId);
  let sent = 0;
  const server = createServer((request, response) => {
    const { url = "" } = request;
    const image = { Id: manifest.config.digest, RootFS: { Layers: there } };
    const answer = url === "/info" ? { DriverStatus: driverStatus } : url.startsWith("/images/load") ? load : image;
    request.on("data", (chunk: Uint8Array) => (sent += chunk.byteLength));
    request.on("end", () => response.end(JSON.stringify(answer)));
  });
  const socket = join(folder.path, "docker.sock");
  await once(server.listen(socket), "listening");
  try {
    const docker = await DockerStore.open({ env: { DOCKER_HOST: `unix://${socket}` } });
    await docker.import(source, descriptor, { names: ["a.example/a:1"] });
  } finally {
    server.close();
  }
  return sent;
}

const classic = [["Backing Filesystem", "extfs"]] as const;
const containerd = [["driver-type", "io.containerd.snapshotter.v1"]] as const;

test("layers that Docker has are left out, and with containerd's image store all are sent", async () => {
  expect(await sentTo({ driverStatus: classic })).toBeLessThan(200_000);
  expect(await sentTo({ driverStatus: containerd })).toBeGreaterThan(300_000);
});

test("an image that Docker loads and cannot unpack is not loaded", async () => {
  const load = { stream: "Error unpacking image a.example/a:1: no such layer\n" };
  await expect(sentTo({ driverStatus: containerd, load })).rejects.toThrow(
    "Cannot load a.example/a:1 into Docker: Error unpacking image a.example/a:1: no such layer",
  );
});
