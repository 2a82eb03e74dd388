import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { startContainerd } from "./containerd.ts";
import { temporaryFolder } from "@lading/testkit";
import { lading, writeFiles } from "./lading.ts";
import { startPodman } from "./podman.ts";

// Each form of archive that a build writes, and the names under which each engine must have it.
const one = ["localhost/team/app:1"];
const two = ["localhost/team/app:1", "localhost/team/app:2.0"];
const both = "linux/amd64,linux/arm64";
const forms = [
  { form: "oci-archive", platforms: "linux/amd64", tags: one, compression: "gzip" },
  { form: "oci-archive", platforms: "linux/amd64", tags: one, compression: "zstd" },
  { form: "oci-archive", platforms: "linux/amd64", tags: two, compression: "gzip" },
  { form: "oci-archive", platforms: both, tags: one, compression: "gzip" },
  { form: "oci-archive", platforms: both, tags: two, compression: "gzip" },
  { form: "docker-archive", platforms: "linux/amd64", tags: one, compression: "gzip" },
  { form: "docker-archive", platforms: "linux/amd64", tags: two, compression: "gzip" },
];

describe.each(forms)("$form of $platforms named $tags, $compression", ({ form, platforms, tags, compression }) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let archive: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    archive = join(folder.path, "app.tar");
    await writeFiles(folder.path, {
      "app/file": "content\n",
      "lading.yaml": "layers: [{ add: [{ src: app, dest: /app }] }]\n",
    });
    const names = tags.flatMap((tag) => ["--tag", tag]);
    const image = ["--platform", platforms, "--compression", compression, ...names];
    await lading(["build", folder.path, ...image, "--output", `${form}:${archive}`]);
  });

  afterAll(() => folder[Symbol.asyncDispose]());

  test.runIf(installed("podman") && isRoot)("podman has every name", async () => {
    await using podman = await startPodman();
    await podman(["load", "--input", archive]);
    const names = await podman(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    expect(names.trim().split("\n").toSorted()).toEqual(tags);
  });

  test.runIf(installed("containerd", "ctr") && isRoot)("containerd has every name", async () => {
    await using ctr = await startContainerd();
    await ctr(["image", "import", archive]);
    expect((await ctr(["image", "list", "--quiet"])).trim().split("\n").toSorted()).toEqual(tags);
  });

  test.runIf(installed("skopeo"))("skopeo finds every name", async () => {
    for (const tag of tags) {
      // One image needs no name; of several, an OCI archive is asked by tag and Docker's by full name.
      const suffix = tags.length === 1 ? "" : `:${form === "oci-archive" ? tag.split(":")[1] : tag}`;
      const place = `${form}:${archive}${suffix}`;
      const config: unknown = JSON.parse(
        await run("skopeo", ["inspect", "--override-arch", "amd64", "--config", place]),
      );
      expect(config).toMatchObject({ os: "linux", architecture: "amd64" });
    }
  });
});
