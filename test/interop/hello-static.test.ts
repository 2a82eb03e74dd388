import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { startContainerd } from "./containerd.ts";
import { readDocuments } from "./documents.ts";
import { cases, schemaErrors, temporaryFolder } from "@lading/testkit";
import { helloStatic, lading, writeFiles } from "./lading.ts";
import { startPodman } from "./podman.ts";
import { readTree } from "./tree.ts";

const name = "localhost/hello-static:1";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let archive: string;
let digest: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  archive = join(folder.path, "hello-static.tar");
  digest = (await lading(["build", helloStatic, "--quiet", "--output", `oci-archive:${archive}`])).trim();
});

afterAll(() => folder[Symbol.asyncDispose]());

test.runIf(installed("skopeo"))(
  "skopeo sees one index of two platforms, by the digest that the build printed",
  async () => {
    const index = await run("skopeo", ["inspect", "--raw", `oci-archive:${archive}`]);
    await writeFiles(folder.path, { "index.json": index });
    expect(await run("skopeo", ["manifest-digest", join(folder.path, "index.json")])).toBe(`${digest}\n`);
    expect(JSON.parse(index)).toMatchObject({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        { platform: { os: "linux", architecture: "amd64" } },
        { platform: { os: "linux", architecture: "arm64" } },
      ],
    });
  },
);

test.runIf(installed("skopeo")).each(["amd64", "arm64"])("skopeo reads the config for %s", async (architecture) => {
  const inspect = ["inspect", "--config", "--override-arch", architecture, `oci-archive:${archive}`];
  expect(JSON.parse(await run("skopeo", inspect))).toMatchObject({
    architecture,
    os: "linux",
    config: {
      Entrypoint: ["/esbuild", "--servedir=/www", "--serve=0.0.0.0:8080", "--watch=forever"],
      ExposedPorts: { "8080/tcp": {} },
      User: "65532:65532",
      WorkingDir: "/www",
      Labels: { "org.opencontainers.image.title": "hello-static" },
    },
    rootfs: { type: "layers" },
  });
});

test.runIf(installed("skopeo", "setpriv") && isRoot)("skopeo copies it without being root", async () => {
  await chmod(folder.path, 0o755);
  const home = join(folder.path, "home");
  await mkdir(home);
  await chown(home, 65_534, 65_534);
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
  const copy = ["--insecure-policy", "copy", "--all", `oci-archive:${archive}`, `oci:${home}/layout:1`];
  await run("setpriv", [...nobody, "skopeo", ...copy], { env: { HOME: home } });
  expect(await readDocuments(join(home, "layout"))).toHaveLength(7);
});

test.runIf(installed("skopeo", "umoci") && isRoot)(
  "skopeo copies both platforms, and umoci unpacks what went in",
  async () => {
    const layout = join(folder.path, "copied");
    await run("skopeo", ["--insecure-policy", "copy", "--all", `oci-archive:${archive}`, `oci:${layout}:1`]);

    for (const architecture of ["amd64", "arm64"]) {
      const single = join(folder.path, architecture);
      const copy = ["--insecure-policy", "--override-arch", architecture, "copy", `oci:${layout}:1`, `oci:${single}:1`];
      await run("skopeo", copy);
      await run("umoci", ["unpack", "--image", `${single}:1`, `${single}-bundle`]);
      const unpacked = await readTree(`${single}-bundle/rootfs`);
      const server = await readTree(join(helloStatic, "bin", architecture));
      const page = await readTree(join(helloStatic, "www"));
      expect([...unpacked.keys()]).toEqual(["esbuild", "www", "www/index.html"]);
      expect(unpacked.get("esbuild")).toMatchObject({
        mode: "755",
        uid: 0,
        gid: 0,
        content: server.get("esbuild")?.content,
      });
      expect(unpacked.get("www/index.html")).toMatchObject({ mode: "644", content: page.get("index.html")?.content });
    }
  },
);

test.runIf(installed("skopeo"))("skopeo reads the docker-archive of one platform", async () => {
  const docker = join(folder.path, "docker.tar");
  await lading(["build", helloStatic, "--platform", "linux/arm64", "--output", `docker-archive:${docker}`]);
  const layout = join(folder.path, "from-docker");
  await run("skopeo", ["--insecure-policy", "copy", `docker-archive:${docker}:${name}`, `oci:${layout}:1`]);
  const config = JSON.parse(
    await run("skopeo", ["inspect", "--config", "--override-arch", "arm64", `oci:${layout}:1`]),
  );
  expect(config).toMatchObject({ architecture: "arm64", config: { User: "65532:65532" } });
});

test.runIf(installed("podman", "runc", "conmon", "iptables") && isRoot)(
  "podman loads it and it answers over HTTP",
  async () => {
    await using podman = await startPodman();
    expect(await podman(["load", "--input", archive])).toContain(name);
    await podman(["network", "create", "hello"]);
    await podman(["run", "--detach", "--name", "hello", "--network", "hello", "--publish", "127.0.0.1::8080", name]);
    const address = (await podman(["port", "hello", "8080"])).trim();

    expect(await answer(`http://${address}/`)).toContain("<title>hello-static</title>");
  },
);

test.runIf(installed("containerd", "ctr") && isRoot)(
  "containerd imports it under its name and checks every layer",
  async () => {
    await using ctr = await startContainerd();
    await ctr(["image", "import", "--all-platforms", archive]);
    const [, image] = (await ctr(["image", "list"])).split("\n");
    expect(image?.split(/\s+/)).toEqual(expect.arrayContaining([name, digest, "linux/amd64,linux/arm64"]));
  },
);

test.runIf(cases !== undefined)("the image-spec's schemas accept every document", async () => {
  const layout = join(folder.path, "layout");
  await lading(["build", helloStatic, "--output", `oci:${layout}`]);
  const documents = await readDocuments(layout);
  const kinds = documents.map(({ kind }) => kind);
  expect(kinds.toSorted().join(" ")).toBe("config config index index layout manifest manifest");
  for (const { kind, json } of documents) expect(schemaErrors(kind, json)).toBe("");
});

/** The body that a server answers with as soon as it listens. */
async function answer(url: string): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return await (await fetch(url)).text();
    } catch {
      await setTimeout(50);
    }
  }
  throw new Error(`Cannot reach ${url}`);
}
