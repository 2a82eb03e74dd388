import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { attempt, run } from "../interop/command.ts";
import { workspace } from "./workspace.ts";

const example = fileURLToPath(new URL("../../examples/build-script", import.meta.url));

test("the build script makes an image for two platforms, the same each time", async () => {
  await using work = await workspace();
  const env = { LADING_CACHE_DIR: work.cache };
  const build = async (place: string): Promise<string> =>
    await run(process.execPath, ["build.ts", place], { cwd: example, env });
  const layout = `oci:${join(work.path, "layout")}`;
  const first = await build(layout);
  const digest = /^(sha256:[0-9a-f]{64}) /m.exec(first)?.[1];
  expect(first.match(/^(?:amd64|arm64) .* none$/gm)).toHaveLength(6);
  const again = await build(layout);
  expect(again).toContain(digest);
  expect(again).not.toContain(" none");

  expect((await work.lading(["digest", "oci:layout:localhost/site:1.4.0"])).stdout).toBe(`${digest}\n`);
  const { stdout } = await work.lading(["inspect", "--json", "oci:layout", "--platform", "linux/arm64"]);
  expect(JSON.parse(stdout)).toMatchObject({
    image: {
      config: {
        architecture: "arm64",
        config: {
          User: "65532:65532",
          ExposedPorts: { "8080/tcp": {} },
          Labels: { "org.opencontainers.image.version": "1.4.0" },
        },
      },
    },
  });
});

test("a build script is told in an error what is wrong", async () => {
  await using work = await workspace();
  const { status, stderr } = await attempt(process.execPath, ["build.ts", "nowhere"], {
    cwd: example,
    env: { LADING_CACHE_DIR: work.cache },
  });
  expect(status).not.toBe(0);
  expect(stderr).toContain('Cannot write to "nowhere"');
});
