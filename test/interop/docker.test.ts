import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hostPlatform } from "@lading/oci";
import { temporaryFolder } from "@lading/testkit";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attempt, installed, isRoot, run } from "./command.ts";
import { type Docker, startDocker } from "./dockerd.ts";
import { lading, ladingCommand, writeFiles } from "./lading.ts";

const canRun = installed("dockerd", "docker", "containerd", "runc", "unshare", "busybox") && isRoot;

// Compressed with gzip or not at all: Docker reads zstd from 23 on, and Debian has an older one.
const host = `linux/${hostPlatform().architecture}`;
const both = "linux/amd64,linux/arm64";
const forms = [
  { form: "oci-archive", platforms: host, tags: ["localhost/one:1"], compression: "gzip" },
  { form: "oci-archive", platforms: both, tags: ["localhost/both:1"], compression: "gzip" },
  { form: "oci-archive", platforms: both, tags: ["localhost/names:1", "localhost/names:2.0"], compression: "gzip" },
  { form: "oci-archive", platforms: host, tags: [], compression: "none" },
  { form: "docker-archive", platforms: host, tags: ["localhost/docker:1", "localhost/docker:2"], compression: "gzip" },
  { form: "docker-archive", platforms: host, tags: [], compression: "none" },
];

const description = `
from: scratch
layers:
  - { name: busybox, add: [{ src: busybox, dest: /bin/busybox, mode: "0755" }] }
  - { name: greeting, add: [{ content: "hello from a file\\n", dest: /greeting }] }
entrypoint: [/bin/busybox]
cmd: [cat, greeting]
user: "65532:65532"
workdir: /
labels: { org.example.from: lading }
`;

const metadata = z.object({ images: z.array(z.object({ platform: z.string(), imageId: z.string() })) });
const loaded = z.object({ outputs: z.array(z.object({ size: z.number(), unchanged: z.boolean() })) });
const inspected = z.tuple([
  z.object({
    Id: z.string(),
    RepoTags: z.array(z.string()),
    Config: z.object({ User: z.string(), Labels: z.record(z.string(), z.string()) }),
    RootFS: z.object({ Layers: z.array(z.string()) }),
  }),
]);

describe.runIf(canRun)("Docker", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let docker: Docker;

  beforeAll(async () => {
    folder = await temporaryFolder();
    docker = await startDocker();
    await mkdir(join(folder.path, "context"));
    await copyFile((await run("sh", ["-c", "command -v busybox"])).trim(), join(folder.path, "context/busybox"));
    await writeFiles(folder.path, { "context/lading.yaml": description });
  });

  afterAll(async () => {
    await docker[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test.each(forms)(
    "loads and runs the $form of $platforms named $tags",
    async ({ form, platforms, tags, compression }) => {
      const archive = join(folder.path, "image.tar");
      const file = join(folder.path, "metadata.json");
      const names = tags.flatMap((tag) => ["--tag", tag]);
      const image = ["--platform", platforms, "--compression", compression, ...names];
      const outputs = ["--metadata-file", file, "--output", `${form}:${archive}`];
      await lading(["build", join(folder.path, "context"), ...image, ...outputs]);
      const { images } = metadata.parse(JSON.parse(await readFile(file, "utf8")));
      const imageId = images.find(({ platform }) => platform === host)?.imageId ?? "";

      const loaded = await docker(["load", "--input", archive]);
      expect(loaded.trim().split("\n").toSorted()).toEqual(
        tags.length === 0 ? [`Loaded image ID: ${imageId}`] : tags.map((tag) => `Loaded image: ${tag}`),
      );

      const name = tags[0] ?? imageId;
      const [seen] = inspected.parse(JSON.parse(await docker(["image", "inspect", name])));
      expect(seen).toMatchObject({
        Id: imageId,
        Config: { User: "65532:65532", Labels: { "org.example.from": "lading" } },
      });
      expect(seen.RepoTags.toSorted()).toEqual(tags);
      expect(seen.RootFS.Layers).toHaveLength(2);

      const start = ["run", "--rm", "--network", "none"];
      expect(await docker([...start, name])).toBe("hello from a file\n");
      expect(await docker([...start, name, "id", "-u"])).toBe("65532\n");

      await docker(["image", "rm", "--force", imageId]);
    },
  );

  test("build --load docker gives it an image under its names, and of the next one only the layers that are new", async () => {
    const context = join(folder.path, "context");
    const file = join(folder.path, "loaded.json");
    const names = ["--tag", "localhost/loaded:1", "--tag", "localhost/loaded:2"];
    const load = async (...flags: readonly string[]): Promise<z.infer<typeof loaded>["outputs"][number]> => {
      const args = ["build", context, "--load", "docker", "--metadata-file", file, ...names, ...flags];
      await lading(args, { env: { DOCKER_HOST: docker.host } });
      const [output] = loaded.parse(JSON.parse(await readFile(file, "utf8"))).outputs;
      if (output === undefined) throw new Error("nothing was written");
      return output;
    };
    const first = await load();
    expect(first).toMatchObject({ unchanged: false });
    expect(await docker(["run", "--rm", "--network", "none", "localhost/loaded:2"])).toBe("hello from a file\n");
    expect(await load()).toMatchObject({ unchanged: true, size: 0 });

    await writeFiles(context, { more: "more\n" });
    const second = await load("--add", "more:/more");
    expect(second.unchanged).toBe(false);
    expect(second.size).toBeLessThan(first.size / 10);
    const run = ["run", "--rm", "--network", "none", "localhost/loaded:1"];
    expect(await docker([...run, "cat", "more"])).toBe("more\n");

    // Another tag is another image so far: all of it is sent.
    await lading(["build", context, "--output", "docker:localhost/named:1"], { env: { DOCKER_HOST: docker.host } });
    expect(await docker(["run", "--rm", "--network", "none", "localhost/named:1"])).toBe("hello from a file\n");
    await docker(["image", "rm", "--force", "localhost/loaded:1", "localhost/loaded:2", "localhost/named:1"]);
  });

  test("without a daemon --load docker says where none answers", async () => {
    const build = ["build", join(folder.path, "context"), "--load", "docker", "--tag", "localhost/a:1"];
    const { status, stderr } = await attempt(ladingCommand, build, {
      env: { DOCKER_HOST: `unix://${folder.path}/no.sock` },
    });
    expect(status).toBe(1);
    expect(stderr).toContain(`Cannot reach Docker at unix://${folder.path}/no.sock`);
  });
});
