import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { GenericContainer, Wait } from "testcontainers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { lading, writeFiles } from "./lading.ts";
import { startPodman } from "./podman.ts";

/*
 * The registry as people test with it: in a container that testcontainers starts, on podman's
 * socket. The image is our own: Debian's docker-registry FROM scratch.
 */

const port = 5000;
const kept = { ...process.env };

beforeEach(() => {
  // Its reaper would be pulled from Docker Hub; what is started here is stopped here.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
});

afterEach(() => {
  process.env = kept;
});

test.runIf(installed("podman", "docker-registry") && isRoot)(
  "a registry in a container takes what we push and gives it back",
  async () => {
    await using folder = await temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    await using podman = await startPodman();
    await buildRegistryImage(folder.path, at("registry.tar"));
    await podman(["load", "--input", at("registry.tar")]);
    await using service = await podman.serve();
    process.env["DOCKER_HOST"] = `unix://${service.socket}`;

    await using container = await new GenericContainer("localhost/test/registry:1")
      .withExposedPorts(port)
      .withWaitStrategy(Wait.forLogMessage(/listening on/))
      .start();
    const name = `${container.getHost()}:${container.getMappedPort(port)}/acme/app`;
    const image = await randomImage({ layers: 2, size: 100_000 });
    const store = await LayoutStore.create(at("layout"));
    await copy(image.source, store, image.descriptor);
    await store.tag(image.descriptor, "v1");
    await lading(["push", "--plain-http", `oci:${at("layout")}:v1`, `${name}:1`]);
    await lading(["pull", "--plain-http", `${name}:1`, `oci:${at("pulled")}:1`]);

    const pulled = await LayoutStore.open(at("pulled"));
    const root = await pulled.resolve("1");
    expect(root.digest).toBe(image.descriptor.digest);
    await validateImage(pulled, root);
  },
);

/** docker-registry, the libraries it needs, and a configuration: nothing else. */
async function buildRegistryImage(folder: string, archive: string): Promise<void> {
  const program = (await run("which", ["docker-registry"])).trim();
  const libraries = [...(await run("ldd", [program])).matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
  await writeFiles(folder, {
    "image/etc/registry.yml": `version: "0.1"
storage: { filesystem: { rootdirectory: /data } }
http: { addr: ":${port}" }
`,
  });
  await run("mkdir", ["-p", join(folder, "image/bin"), join(folder, "image/data")]);
  await run("cp", [program, join(folder, "image/bin/")]);
  for (const library of libraries) {
    // Where the loader looks for it, whatever symlinks lead there on this machine.
    const target = join(folder, "image", library);
    await run("mkdir", ["-p", join(target, "..")]);
    await run("cp", [await realpath(library), target]);
  }
  await writeFiles(folder, {
    "lading.yaml": JSON.stringify({
      name: "localhost/test/registry:1",
      layers: [{ add: [{ src: "image", dest: "/" }] }],
      env: { OTEL_TRACES_EXPORTER: "none" },
      entrypoint: [`/bin/${basename(program)}`, "serve"],
      cmd: ["/etc/registry.yml"],
    }),
  });
  await lading(["build", folder, "--output", `oci-archive:${archive}`]);
}
