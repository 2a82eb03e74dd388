import { spawn } from "node:child_process";
import { once } from "node:events";
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
    const child = spawn(ladingCommand, ["serve", "oci:loaded", "--listen", "127.0.0.1:0", "--json"], {
      cwd: folder.path,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const exited = once(child, "exit");
    const [line]: unknown[] = await once(createInterface(child.stdout), "line");
    const host = /"host":"([^"]*)"/.exec(String(line))?.[1] ?? expect.fail("no host");
    await podman(["pull", "--tls-verify=false", `${host}/ghcr.io/acme/app:1`]);
    const digests = await podman(["images", "--digests", "--format", "{{.Digest}}"]);
    expect(digests.trim()).toMatch(/^sha256:/);
    child.kill("SIGINT");
    await exited;
  });

  test.runIf(installed("containerd", "ctr"))("ctr imports both images by name", async () => {
    await using ctr = await startContainerd();
    await ctr(["images", "import", at("site.tar")]);
    const names = await ctr(["images", "list", "--quiet"]);
    expect(names.split("\n")).toEqual(expect.arrayContaining(["ghcr.io/acme/app:1", "ghcr.io/acme/db:1"]));
  });
});
