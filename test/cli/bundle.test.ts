import { join } from "node:path";
import { LayoutStore } from "@lading/oci";
import { startRegistry, validateImage } from "@lading/testkit";
import { expect, test } from "vitest";
import { signedImages } from "./bundled-images.ts";
import { workspace } from "./workspace.ts";

test("a bundle carries images with all that belongs to them from one registry to another", async () => {
  await using from = await signedImages();
  await using to = await startRegistry();
  await using work = await workspace();
  const { app, db, registry } = from;
  const images = [`${registry.host}/acme/app:1`, `${registry.host}/acme/db:1`];

  const created = await work.lading(["bundle", "create", ...images, "-o", "site.tar"]);
  expect(created).toMatchObject({ status: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/) });
  expect(await work.names()).toEqual(["site.tar"]);

  const listed = await work.lading(["bundle", "list", "site.tar", "--json"]);
  expect(JSON.parse(listed.stdout)).toMatchObject({
    digest: created.stdout.trim(),
    images: [
      { name: images[0], digest: app.descriptor.digest, platforms: ["linux/amd64", "linux/arm64"], referrers: 3 },
      { name: images[1], digest: db.descriptor.digest, platforms: ["linux/amd64"], referrers: 0 },
    ],
    missing: [],
  });

  const loaded = await work.lading(["bundle", "load", "site.tar", "--to", `${to.host}/mirror`]);
  expect(loaded).toMatchObject({
    status: 0,
    stdout: `${to.host}/mirror/acme/app:1  ${app.descriptor.digest}\n${to.host}/mirror/acme/db:1  ${db.descriptor.digest}\n`,
  });
  await validateImage(to.store, await to.store.resolve("mirror/acme/app:1"));
  await validateImage(to.store, await to.store.resolve("mirror/acme/db:1"));
  expect((await to.store.resolve(`mirror/acme/app:${from.signatureTag}`)).digest).toBe(from.signature.digest);

  const names = await work.lading([
    "referrers",
    `${to.host}/mirror/acme/app@${app.images[0]?.descriptor.digest}`,
    "--json",
  ]);
  expect(JSON.parse(names.stdout)).toMatchObject({ referrers: [{ digest: from.sbom.digest }] });

  await work.lading(["bundle", "load", "site.tar", "--to", "oci:images"]);
  const layout = await LayoutStore.open(join(work.path, "images"));
  for (const name of images) await validateImage(layout, await layout.resolve(name));
  expect((await layout.referrers(from.sbom)).map(({ digest }) => digest)).toEqual([from.attestation.digest]);
});
