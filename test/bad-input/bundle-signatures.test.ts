import { join } from "node:path";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, startRegistry } from "@lading/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Workspace, workspace } from "../cli/workspace.ts";

/* Bundles with images that nobody vouches for: refused with the reason, and nothing of any image is loaded. */

let work: Workspace;
const password = { LADING_KEY_PASSWORD: "correct horse", LADING_POLICY: undefined };

beforeAll(async () => {
  work = await workspace({
    "both.yaml": "default: reject\nimages:\n  ghcr.io/acme:\n    keys: [cosign.pub]\n",
    "app.yaml": "default: reject\nimages:\n  ghcr.io/acme/app:\n    keys: [cosign.pub]\n",
    "lax.yaml": "default: reject\nimages:\n  ghcr.io/acme/app:\n    keys: [cosign.pub]\n  ghcr.io/acme/db: accept\n",
  });
  const layout = await LayoutStore.create(join(work.path, "images"));
  for (const name of ["app", "db"]) {
    const image = await randomImage({ layers: 2 });
    await copy(image.source, layout, image.descriptor);
    await layout.tag(image.descriptor, `ghcr.io/acme/${name}:1`);
  }
  await lading("keygen");
  await lading("keygen", "--output-key-prefix", "other");
  await lading("sign", "--key", "cosign.key", "oci:images:ghcr.io/acme/app:1");
  await lading("bundle", "create", "oci:images:ghcr.io/acme/app:1", "oci:images:ghcr.io/acme/db:1", "-o", "site.tar");
  await lading("bundle", "create", "oci:images:ghcr.io/acme/app:1", "-o", "signed.tar");
});

afterAll(() => work[Symbol.asyncDispose]());

async function lading(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { status, stdout, stderr } = await work.lading(args, password);
  expect(status, stderr).toBe(0);
  return { stdout, stderr };
}

const wrong: readonly (readonly [file: string, flags: readonly string[], message: string])[] = [
  ["site.tar", ["--key", "cosign.pub"], "Cannot use ghcr.io/acme/db:1 of site.tar\n  because: Cannot verify sha256:"],
  [
    "site.tar",
    ["--policy", "both.yaml"],
    'Cannot use ghcr.io/acme/db:1: both.yaml forbids it, by its rule for "ghcr.io/acme"',
  ],
  ["site.tar", ["--policy", "app.yaml"], "Cannot use ghcr.io/acme/db:1: app.yaml forbids it, by its default"],
  ["site.tar", ["--policy", "lax.yaml", "--key", "cosign.pub"], "Cannot use ghcr.io/acme/db:1 of site.tar"],
  ["signed.tar", ["--key", "other.pub"], "it is not signed with this key"],
  ["signed.tar", ["--key", "cosign.pub", "--policy", "nowhere.yaml"], 'Cannot read the policy "nowhere.yaml"'],
];

describe.each(wrong)("%s with %j", (file, flags, message) => {
  test("is neither verified nor loaded", async () => {
    await using registry = await startRegistry();
    for (const args of [
      ["bundle", "verify", file],
      ["bundle", "verify", file, "--json"],
      ["bundle", "load", file, "--to", "oci:loaded"],
      ["bundle", "load", file, "--to", "oci:loaded", "--json"],
      ["bundle", "load", file, "--to", "oci-archive:loaded.tar"],
      ["bundle", "load", file, "--to", `${registry.host}/mirror`],
    ]) {
      const { status, stdout, stderr } = await work.lading([...args, ...flags], password);
      expect([status, stdout]).toEqual([message.startsWith("Cannot read") ? 2 : 1, ""]);
      expect(stderr).toContain(message);
    }
    expect((await work.names()).filter((name) => name.startsWith("loaded") || name.startsWith("."))).toEqual([]);
    expect(registry.requests).toEqual([]);
  });
});

test("LADING_POLICY is heeded as --policy is", async () => {
  for (const args of [
    ["bundle", "verify", "site.tar"],
    ["bundle", "load", "site.tar", "--to", "oci:loaded"],
  ]) {
    const { status, stdout, stderr } = await work.lading(args, { ...password, LADING_POLICY: "both.yaml" });
    expect([status, stdout, stderr]).toEqual([1, "", expect.stringContaining("both.yaml forbids it")]);
  }
  expect(await work.names()).not.toContain("loaded");
});

test("what a policy admits and a key has signed is verified and loaded", async () => {
  await lading("bundle", "verify", "site.tar", "--policy", "lax.yaml");
  const verified = await lading(
    "bundle",
    "verify",
    "signed.tar",
    "--key",
    "cosign.pub",
    "--policy",
    "both.yaml",
    "--json",
  );
  expect(JSON.parse(verified.stdout)).toMatchObject({
    images: 1,
    signatures: [{ by: "cosign.pub" }, { by: "cosign.pub" }],
  });
  await lading("bundle", "load", "site.tar", "--to", "oci:admitted", "--policy", "lax.yaml");
  expect(await work.names()).toContain("admitted");
});

test("a delta brings its signatures along, so they are verified without what it builds on", async () => {
  await lading("bundle", "create", "oci:images:ghcr.io/acme/app:1", "-o", "delta.tar", "--since", "signed.tar");
  const { stdout } = await lading("bundle", "list", "delta.tar", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ missing: expect.arrayContaining([expect.anything()]) });
  await lading("bundle", "verify", "delta.tar", "--key", "cosign.pub", "--policy", "both.yaml");
  const { status, stderr } = await work.lading(["bundle", "verify", "delta.tar", "--key", "other.pub"], password);
  expect([status, stderr]).toEqual([1, expect.stringContaining("it is not signed with this key")]);
});

test("a bundle without images has nothing that could be signed", async () => {
  await LayoutStore.create(join(work.path, "empty"));
  await work.write({
    "pack.sh": "cd empty && tar -cf ../empty.tar oci-layout index.json blobs\n",
  });
  const { run } = await import("../interop/command.ts");
  await run("sh", ["pack.sh"], { cwd: work.path });
  for (const flags of [
    ["--key", "cosign.pub"],
    ["--policy", "both.yaml"],
  ]) {
    const { status, stdout, stderr } = await work.lading(["bundle", "verify", "empty.tar", ...flags], password);
    expect([status, stdout, stderr]).toEqual([1, "", expect.stringContaining("it has no images")]);
  }
});
