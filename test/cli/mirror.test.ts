import { fileURLToPath } from "node:url";
import { copy } from "@lading/oci";
import { randomImage, startRegistry, validateImage } from "@lading/testkit";
import { expect, test } from "vitest";
import { attempt, run } from "../interop/command.ts";

const example = fileURLToPath(new URL("../../examples/mirror", import.meta.url));

test("the mirror script moves an image once, and mounts it where it lies already", async () => {
  await using source = await startRegistry();
  await using target = await startRegistry();
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  await copy(image.source, source.store, image.descriptor);
  await source.store.tag(image.descriptor, "acme/app:1");
  const { digest } = image.descriptor;

  const first = await mirror(`${source.host}/acme/app:1`, `${target.host}/mirror/app`);
  expect(first).toMatch(new RegExp(`^${digest}  [1-9]\\d* bytes moved, 0 signatures and the like$`, "m"));
  await validateImage(target.store, await target.store.resolve("docker.io/mirror/app:1"));

  const again = await mirror(`${source.host}/acme/app:1`, `${target.host}/mirror/app`);
  expect(again).toBe(`${digest}  is there\n${digest}  0 bytes moved, 0 signatures and the like\n`);

  const mounted = await mirror(`${target.host}/mirror/app:1`, `${target.host}/other/app:2`);
  expect(mounted).toMatch(/  mounted$/m);
  expect(target.requests.filter(({ operation }) => operation === "mount")).not.toHaveLength(0);
  expect((await target.store.resolve("docker.io/other/app:2")).digest).toBe(digest);
});

test("the mirror script says how it is used", async () => {
  const { status, stderr } = await attempt(process.execPath, ["mirror.ts"], { cwd: example });
  expect([status, stderr]).toEqual([2, "Usage: node mirror.ts SOURCE DESTINATION\n"]);
});

async function mirror(from: string, to: string): Promise<string> {
  return await run(process.execPath, ["mirror.ts", from, to], { cwd: example });
}
