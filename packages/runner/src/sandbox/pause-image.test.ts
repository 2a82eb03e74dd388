import { openImage } from "@lading/oci";
import { validateImage } from "@lading/testkit";
import { expect, test } from "vitest";
import { pauseImage, pauseImageName } from "./pause-image.ts";

test("the image of sandboxes has one program, is valid and known by its name", async () => {
  const { source, root } = await pauseImage({ architecture: "amd64" });
  expect(await source.resolve(pauseImageName)).toMatchObject({ digest: root.digest });
  await validateImage(source, root);
  const image = await openImage(source, root);
  expect(image.config.config).toMatchObject({ Entrypoint: ["/pause"], User: "65534:65534" });
  expect(image.layers).toHaveLength(1);
});

// Whoever changes the program, and so this, has a new image: pauseImageName must say so.
test("its digest is the same on every machine", async () => {
  expect([await digestFor("amd64"), await digestFor("arm64")]).toMatchInlineSnapshot(`
    [
      "sha256:d28ce6e19d0a33bb2df63b04911588211981250c943201340f7f797875576738",
      "sha256:e83fbfd739920972493a169bbe8878e6d795585732af838d6618d4550f6df3e2",
    ]
  `);
});

async function digestFor(architecture: string): Promise<string> {
  return (await pauseImage({ architecture })).root.digest;
}
