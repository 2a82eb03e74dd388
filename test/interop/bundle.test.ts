import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, type RandomImage, temporaryFolder } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installed, isRoot, run } from "./command.ts";
import { startContainerd } from "./containerd.ts";
import { lading, ladingCommand } from "./lading.ts";
import { startPodman } from "./podman.ts";

/* What others make of a bundle: two signed images of one tag, loaded straight from the file or from where we loaded it to. */

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let app: RandomImage;
let db: RandomImage;
const at = (name: string): string => join(folder.path, name);
const password = { LADING_KEY_PASSWORD: "correct horse" };

beforeAll(async () => {
  folder = await temporaryFolder();
  app = await randomImage({ layers: 2, platforms: ["linux/amd64", "linux/arm64"] });
  db = await randomImage({ layers: 2 });
  const layout = await LayoutStore.create(at("images"));
  for (const [image, name] of [
    [app, "ghcr.io/acme/app:1"],
    [db, "ghcr.io/acme/db:1"],
  ] as const) {
    await copy(image.source, layout, image.descriptor);
    await layout.tag(image.descriptor, name);
  }
  const options = { cwd: folder.path, env: password };
  await lading(["keygen"], options);
  for (const name of ["app", "db"])
    await lading(["sign", "--key", "cosign.key", `oci:images:ghcr.io/acme/${name}:1`], options);
  const places = ["app", "db"].map((name) => `oci:images:ghcr.io/acme/${name}:1`);
  await lading(["bundle", "create", ...places, "-q", "-o", "site.tar"], options);
});

afterAll(() => folder[Symbol.asyncDispose]());

test("its signatures are verified, and another key's are not", async () => {
  const options = { cwd: folder.path, env: password };
  const verify = ["bundle", "verify", "site.tar", "--offline", "--json", "--key"];
  const verified: unknown = JSON.parse(await lading([...verify, "cosign.pub"], options));
  expect(verified).toMatchObject({
    images: 2,
    signatures: expect.arrayContaining([
      { digest: app.descriptor.digest, form: "tag", by: "cosign.pub" },
      { digest: app.descriptor.digest, form: "bundle", by: "cosign.pub" },
      { digest: db.descriptor.digest, form: "tag", by: "cosign.pub" },
    ]),
  });
  await lading(["keygen", "--output-key-prefix", "other"], options);
  await expect(lading([...verify, "other.pub"], options)).rejects.toThrow("Cannot verify sha256:");
  await expect(
    lading(["bundle", "load", "site.tar", "--to", "oci:unsigned", "--key", "other.pub"], options),
  ).rejects.toThrow("Cannot verify sha256:");
});

test.runIf(installed("skopeo"))("skopeo copies each image by its full name", async () => {
  for (const [image, name] of [
    [app, "app"],
    [db, "db"],
  ] as const) {
    const raw = await run("skopeo", ["inspect", "--raw", `oci-archive:${at("site.tar")}:ghcr.io/acme/${name}:1`]);
    expect(raw).toBe(Buffer.concat(await bytesOf(image)).toString());
  }
});

/** `ghcr.io/acme/app:1`, and `db` and `app` again by digests alone. */
async function bundleByDigest(file: string, names: readonly string[], flags: readonly string[] = []): Promise<void> {
  const places = names.map((name) => `oci:images:${name.slice(name.indexOf("@") + 1)}=${name}`);
  const create = ["bundle", "create", "oci:images:ghcr.io/acme/app:1", ...places, "-q", "-o", file, ...flags];
  await lading(create, { cwd: folder.path });
}

/** `lading serve` until the scope ends. */
async function serving(place: string): Promise<{ readonly host: string } & AsyncDisposable> {
  const child = spawn(ladingCommand, ["serve", place, "--listen", "127.0.0.1:0", "--json"], {
    cwd: folder.path,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = once(child, "exit");
  const [line]: unknown[] = await Promise.race([once(createInterface(child.stdout), "line"), exited]);
  return {
    host: /"host":"([^"]*)"/.exec(String(line))?.[1] ?? expect.fail("no host"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await exited;
    },
  };
}

async function bytesOf({ source, descriptor }: RandomImage): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.blob(descriptor).open()) chunks.push(chunk);
  return chunks;
}

describe.runIf(isRoot)("engines", () => {
  test.runIf(installed("podman"))("podman loads both images and no signature", async () => {
    await using podman = await startPodman();
    await podman(["load", "--input", at("site.tar")]);
    expect((await podman(["images", "--format", "{{.Repository}}:{{.Tag}}"])).trim().split("\n").toSorted()).toEqual([
      "ghcr.io/acme/app:1",
      "ghcr.io/acme/db:1",
    ]);
  });

  test.runIf(installed("podman"))("podman pulls from a served layout that the bundle was loaded to", async () => {
    await using podman = await startPodman();
    await lading(["bundle", "load", "site.tar", "--to", "oci:loaded"], { cwd: folder.path });
    await using registry = await serving("oci:loaded");
    await podman(["pull", "--tls-verify=false", `${registry.host}/ghcr.io/acme/app:1`]);
    const digests = await podman(["images", "--digests", "--format", "{{.Digest}}"]);
    expect(digests.trim()).toMatch(/^sha256:/);
  });

  test.runIf(installed("podman"))("podman: has each image under its new name, or by its digest", async () => {
    await using podman = await startPodman();
    await using service = await podman.serve();
    const options = { cwd: folder.path, env: { CONTAINER_HOST: `unix://${service.socket}`, LADING_ROOT: at("state") } };
    const byDigest = [
      `ghcr.io/acme/one@${db.descriptor.digest}`,
      `ghcr.io/acme/both@${app.descriptor.digest}`,
    ] as const;
    await bundleByDigest("digests.tar", byDigest);
    const load = [
      "bundle",
      "load",
      "digests.tar",
      "--to",
      "podman:",
      "--rename",
      "ghcr.io/acme/app=localhost:5000/app",
    ];
    await lading(load, options);
    expect((await podman(["images", "--format", "{{.Repository}}:{{.Tag}}"])).trim().split("\n").toSorted()).toEqual([
      // Where there is a name with a tag as well, it lists no other.
      "ghcr.io/acme/one:<none>",
      "localhost:5000/app:1",
    ]);
    for (const name of ["localhost:5000/app:1", ...byDigest]) await podman(["image", "exists", name]);
    // All is there.
    expect(await lading(load, options)).toContain(byDigest[0]);
    const told = await lading(["images", "--engine", "podman"], options);
    expect(told).toMatch(/^ghcr\.io\/acme\/one +<none> /m);
  });

  test.runIf(installed("podman"))("podman: has none of them when one may not be run here", async () => {
    await using podman = await startPodman();
    await using service = await podman.serve();
    const options = { cwd: folder.path, env: { CONTAINER_HOST: `unix://${service.socket}`, LADING_ROOT: at("state") } };
    const foreign = await randomImage({ platforms: ["linux/s390x"] });
    const layout = await LayoutStore.open(at("images"));
    await copy(foreign.source, layout, foreign.descriptor);
    await layout.tag(foreign.descriptor, "ghcr.io/acme/foreign:1");
    const places = ["db", "foreign"].map((name) => `oci:images:ghcr.io/acme/${name}:1`);
    await lading(["bundle", "create", ...places, "-q", "-o", "mixed.tar"], options);
    await expect(lading(["bundle", "load", "mixed.tar", "--to", "podman:"], options)).rejects.toThrow(
      "Cannot load ghcr.io/acme/foreign:1 to podman:",
    );
    expect(await podman(["images", "--quiet"])).toBe("");
  });

  test.runIf(installed("containerd", "ctr"))("containerd: has them in the namespace of Kubernetes", async () => {
    await using ctr = await startContainerd();
    const env = { CONTAINERD_ADDRESS: ctr.socket, CONTAINERD_NAMESPACE: "k8s.io", LADING_ROOT: at("state") };
    const byDigest = [
      `ghcr.io/acme/one@${db.descriptor.digest}`,
      `ghcr.io/acme/both@${app.descriptor.digest}`,
    ] as const;
    await bundleByDigest("digests.tar", byDigest);
    await lading(["bundle", "load", "digests.tar", "--to", "containerd:"], { cwd: folder.path, env });
    const names = (await ctr(["--namespace", "k8s.io", "images", "list", "--quiet"])).trim().split("\n");
    expect(names.filter((name) => !name.startsWith("sha256:")).toSorted()).toEqual([
      "ghcr.io/acme/app:1",
      ...byDigest.toSorted(),
    ]);
    expect(await ctr(["images", "list", "--quiet"])).toBe("");
  });

  test.runIf(installed("podman"))(
    "podman pulls from a served bundle in parts: by tag, by digest, and as from a mirror",
    async () => {
      const byDigest = [`ghcr.io/acme/one@${db.descriptor.digest}`] as const;
      await bundleByDigest("parts.tar", byDigest, ["--split", "1MB"]);
      await using registry = await serving("oci-archive:parts.tar");
      await using podman = await startPodman();
      const names = [`ghcr.io/acme/app:1`, `ghcr.io/acme/app@${app.descriptor.digest}`, ...byDigest];
      for (const name of names) {
        await podman(["pull", "--quiet", "--tls-verify=false", `${registry.host}/${name}`]);
        await podman(["image", "exists", `${registry.host}/${name}`]);
      }
      const mirror = `[[registry]]\nlocation = "ghcr.io"\n[[registry.mirror]]\nlocation = "${registry.host}"\ninsecure = true\n`;
      await writeFile(at("registries.conf"), mirror);
      for (const name of names) {
        await podman(["pull", "--quiet", name], { env: { CONTAINERS_REGISTRIES_CONF: at("registries.conf") } });
        await podman(["image", "exists", name]);
      }
    },
  );

  test.runIf(installed("containerd", "ctr"))(
    "containerd pulls from a served bundle, its mirror: by tag and by digest",
    async () => {
      const byDigest = [`ghcr.io/acme/one@${db.descriptor.digest}`] as const;
      await bundleByDigest("digests.tar", byDigest);
      await using registry = await serving("oci-archive:digests.tar");
      await using ctr = await startContainerd();
      await mkdir(at("hosts/ghcr.io"), { recursive: true });
      const mirror = `server = "http://127.0.0.1:9"\n[host."http://${registry.host}"]\ncapabilities = ["pull", "resolve"]\n`;
      await writeFile(at("hosts/ghcr.io/hosts.toml"), mirror);
      for (const name of ["ghcr.io/acme/app:1", ...byDigest]) {
        await ctr(["images", "pull", "--hosts-dir", at("hosts"), name]);
        expect(await ctr(["images", "list", "--quiet"])).toContain(name);
      }
    },
  );

  test.runIf(installed("containerd", "ctr"))("ctr imports both images by name", async () => {
    await using ctr = await startContainerd();
    await ctr(["images", "import", at("site.tar")]);
    const names = await ctr(["images", "list", "--quiet"]);
    expect(names.split("\n")).toEqual(expect.arrayContaining(["ghcr.io/acme/app:1", "ghcr.io/acme/db:1"]));
  });
});
