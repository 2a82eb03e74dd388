import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, type RandomImage, temporaryFolder, validateImage } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attempt, installed, isRoot, run } from "./command.ts";
import { startContainerd } from "./containerd.ts";
import { lading } from "./lading.ts";
import { serving } from "./lading-serve.ts";
import { startPodman } from "./podman.ts";

/* What others pull from `lading serve`, and push to it. */

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let image: RandomImage;
const at = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  image = await randomImage({ layers: 2, platforms: ["linux/amd64", "linux/arm64"], size: 300_000 });
  const store = await LayoutStore.create(at("images"));
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, "ghcr.io/acme/app:1");
});

afterAll(() => folder[Symbol.asyncDispose]());

describe("an image in a layout", () => {
  test.runIf(installed("skopeo"))("is pulled by skopeo, by its full name and as from a mirror", async () => {
    await using registry = await serving([`oci:${at("images")}`]);
    for (const name of ["ghcr.io/acme/app:1", "acme/app:1", `acme/app@${image.descriptor.digest}`]) {
      const source = `docker://${registry.host}/${name}`;
      expect(await run("skopeo", ["inspect", "--raw", "--tls-verify=false", source])).not.toBe("");
    }
    const layout = at("by-skopeo");
    const source = `docker://${registry.host}/acme/app:1`;
    await run("skopeo", [
      "copy",
      "-q",
      "--all",
      "--preserve-digests",
      "--src-tls-verify=false",
      source,
      `oci:${layout}:1`,
    ]);
    await validateImage(await LayoutStore.open(layout), image.descriptor);
  });

  test.runIf(installed("podman") && isRoot)("is pulled by podman, with a login", async () => {
    const env = { LADING_SERVE_PASSWORD: "correct horse" };
    await using registry = await serving([`oci:${at("images")}`, "--user", "ada", "--token"], env);
    await using podman = await startPodman();
    const credentials = ["--tls-verify=false", "--creds", "ada:correct horse"];
    await podman(["pull", "--quiet", ...credentials, `${registry.host}/acme/app:1`]);
    expect(await podman(["images", "--format", "{{.Digest}}", "--digests"])).toContain("sha256:");
    const wrong = ["--tls-verify=false", "--creds", "ada:other"];
    await expect(podman(["pull", "--quiet", ...wrong, `${registry.host}/acme/app:1`])).rejects.toThrow(
      /unauthorized|invalid username/,
    );
  });

  test.runIf(installed("containerd", "ctr") && isRoot)("is pulled by containerd, which asks a mirror", async () => {
    await using registry = await serving([`oci:${at("images")}`, "--verbose"]);
    await using ctr = await startContainerd();
    const hosts = at("hosts");
    await mkdir(join(hosts, "ghcr.io"), { recursive: true });
    const mirror = `server = "http://127.0.0.1:9"\n[host."http://${registry.host}"]\ncapabilities = ["pull", "resolve"]\n`;
    await writeFile(join(hosts, "ghcr.io", "hosts.toml"), mirror);
    await ctr(["images", "pull", "--hosts-dir", hosts, "--all-platforms", "ghcr.io/acme/app:1"]);
    expect(await ctr(["images", "ls"])).toContain(image.descriptor.digest);
    expect(registry.log()).toContain("?ns=ghcr.io");
  });
});

test.runIf(installed("skopeo"))("skopeo pushes to --writable, and the layout has the image", async () => {
  const layout = at("pushed");
  {
    await using registry = await serving([`oci:${layout}`, "--writable"]);
    const target = `docker://${registry.host}/acme/app:2`;
    await run("skopeo", [
      "copy",
      "-q",
      "--all",
      "--preserve-digests",
      "--dest-tls-verify=false",
      `oci:${at("images")}:1`,
      target,
    ]);
    // Once more: all is there.
    await run("skopeo", [
      "copy",
      "-q",
      "--all",
      "--preserve-digests",
      "--dest-tls-verify=false",
      `oci:${at("images")}:1`,
      target,
    ]);
  }
  const store = await LayoutStore.open(layout);
  expect(await store.resolve("acme/app:2")).toEqual(image.descriptor);
  await validateImage(store, image.descriptor);
});

test("lading pushes to it and pulls from it", async () => {
  await using registry = await serving([`oci:${at("both")}`, "--writable"]);
  await lading(["copy", "--all-platforms", `oci:${at("images")}`, `${registry.host}/acme/app:3`]);
  await lading(["pull", "--all-platforms", `${registry.host}/acme/app:3`, `oci:${at("pulled")}:3`]);
  const store = await LayoutStore.open(at("pulled"));
  expect(await store.resolve("3")).toEqual(image.descriptor);
  expect(await lading(["tags", `${registry.host}/acme/app`])).toBe("3\n");
});

test.each([
  [["serve", "scratch"], /expected oci:DIR/],
  [["serve", "oci:nowhere"], /Cannot open the OCI layout/],
  [["serve", "oci:images:1"], /not one image/],
  [["serve", "oci-archive:app.tar", "--writable"], /an archive is not changed/],
  [["serve", "oci:images", "--listen", "5000"], /expected HOST:PORT/],
  [["serve", "oci:images", "--token"], /without --user/],
  [["serve", "oci:images", "--user", "ada"], /without a password/],
  [["serve", "oci:images", "--tls-cert", "a.pem"], /both --tls-cert and --tls-key/],
])("%j is refused", async (args, message) => {
  const { status, stderr } = await attempt(fileURLToPath(new URL("../../lading", import.meta.url)), args, {
    cwd: folder.path,
  });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(message);
});
