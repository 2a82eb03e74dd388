import { join } from "node:path";
import { copy, LayoutStore } from "@lading/oci";
import { randomImage, type RandomImage, startRegistry } from "@lading/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Workspace, workspace } from "./workspace.ts";

/* What images of a bundle are called where they are loaded: by other names, and by digest when they have no tag. */

let work: Workspace;
let app: RandomImage;
let byDigest: string;

async function lading(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await work.lading(args);
  expect(status, stderr).toBe(0);
  return stdout;
}

beforeAll(async () => {
  work = await workspace();
  const layout = await LayoutStore.create(join(work.path, "images"));
  app = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  const db = await randomImage();
  for (const image of [app, db]) await copy(image.source, layout, image.descriptor);
  await layout.tag(app.descriptor, "ghcr.io/acme/app:1");
  byDigest = `quay.io/acme/db@${db.descriptor.digest}`;
  await layout.tag(db.descriptor, byDigest);
  await lading(
    "bundle",
    "create",
    "oci:images:ghcr.io/acme/app:1",
    `oci:images:${db.descriptor.digest}`,
    "-o",
    "site.tar",
  );
});

afterAll(() => work[Symbol.asyncDispose]());

test("a registry has them below a prefix, under other names, or with their hosts", async () => {
  await using registry = await startRegistry();
  const load = ["bundle", "load", "site.tar", "-q", "--to"] as const;
  await lading(...load, `${registry.host}/mirror`);
  await lading(...load, registry.host, "--rename", "ghcr.io/acme/app=apps/web", "--rename", "quay.io=copies");
  await lading(...load, `${registry.host}/all`, "--scoped");

  expect(await lading("tags", `${registry.host}/mirror/acme/app`)).toBe("1\n");
  expect(await lading("digest", `${registry.host}/apps/web:1`)).toBe(`${app.descriptor.digest}\n`);
  const digest = byDigest.slice(byDigest.indexOf("@") + 1);
  for (const repository of ["mirror/acme/db", "copies/acme/db", "all/quay.io/acme/db"])
    expect(await lading("digest", `${registry.host}/${repository}@${digest}`)).toBe(`${digest}\n`);
  expect(await lading("tags", `${registry.host}/all/ghcr.io/acme/app`)).toBe("1\n");
});

test.each(["oci:loaded", "oci-archive:loaded.tar"])(
  "%s has them under the same names, and passes them on",
  async (to) => {
    await lading("bundle", "load", "site.tar", "--to", to);

    await lading("bundle", "create", `${to}:ghcr.io/acme/app:1`, `${to}:${byDigest}`, "-o", "again.tar");

    expect(await lading("bundle", "list", "again.tar", "-q")).toBe(`ghcr.io/acme/app:1\n${byDigest}\n`);
    expect(await lading("bundle", "verify", "again.tar")).toBe(await lading("bundle", "verify", "site.tar"));
  },
);

test("an image of one platform is called by its own digest, and another digest is no name of it", async () => {
  await using registry = await startRegistry();
  await copy(app.source, registry.store, app.descriptor);
  await registry.store.tag(app.descriptor, "acme/app:1");
  const place = `${registry.host}/acme/app@${app.descriptor.digest}`;
  await lading("bundle", "create", place, "--platform", "linux/arm64", "-o", "arm64.tar");
  const arm64 = app.images[1]?.descriptor.digest;
  expect(await lading("bundle", "list", "arm64.tar", "-q")).toBe(`${registry.host}/acme/app@${arm64}\n`);

  const wrong = `oci:images:ghcr.io/acme/app:1=ghcr.io/acme/app@${arm64}`;
  const { status, stderr } = await work.lading(["bundle", "create", wrong, "-o", "wrong.tar"]);
  expect([status, stderr]).toEqual([2, expect.stringContaining(`it is ${app.descriptor.digest}`)]);
});
