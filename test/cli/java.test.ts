import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ZipContent, zipOf } from "@lading/testkit";
import { expect, test } from "vitest";
import { run } from "../interop/command.ts";
import { type Workspace, workspace } from "./workspace.ts";

// How class files for Java 17 begin, which is as far as they are read.
const classHead = Uint8Array.from([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61]);

function jarOf(...more: readonly ZipContent[]): readonly ZipContent[] {
  return [
    { path: "META-INF/MANIFEST.MF", content: "Main-Class: com.acme.Main\r\nClass-Path: lib/dep-1.0.jar\r\n\r\n" },
    { path: "com/acme/Main.class", content: classHead },
    { path: "messages.properties", content: "hello=world\n" },
    ...more,
  ];
}

async function writeZip(work: Workspace, name: string, files: readonly ZipContent[]): Promise<void> {
  await writeFile(join(work.path, name), await zipOf(files));
}

/** Digests of an image's layers, by their names. */
async function layersOf(work: Workspace, place: string): Promise<Map<string, string>> {
  const { image } = JSON.parse((await work.lading(["inspect", "--json", place])).stdout);
  const layers: { comment: string; digest: string }[] = image.layers;
  return new Map(layers.map(({ comment, digest }) => [comment, digest]));
}

test("a jar is built in layers, and of another class only the layer of classes is other", async () => {
  await using work = await workspace({ "lib/dep-1.0.jar": "dep" });
  await writeZip(work, "app.jar", jarOf());
  const flags = ["--from", "scratch", "--platform", "linux/amd64"];
  const built = await work.lading(["build", "app.jar", ...flags, "-o", "oci:one", "--jvm-flags=-Xmx64m,-Xshare:off"]);
  expect(built).toMatchObject({ status: 0 });
  expect(JSON.parse((await work.lading(["inspect", "--json", "oci:one"])).stdout)).toMatchObject({
    image: {
      config: {
        config: {
          Entrypoint: [
            "java",
            "-Xmx64m",
            "-Xshare:off",
            "-cp",
            "/app/explodedJar:/app/dependencies/dep-1.0.jar",
            "com.acme.Main",
          ],
        },
      },
    },
  });
  const before = await layersOf(work, "oci:one");
  expect([...before.keys()]).toEqual(["dependencies", "resources", "classes"]);
  const classes = join(work.path, "one/blobs", (before.get("classes") ?? "").replace(":", "/"));
  expect(await run("tar", ["-tvzf", classes, "--full-time", "--utc"], {})).toMatch(
    /^-rw-r--r-- 0\/0 +8 1970-01-01 00:00:01 app\/explodedJar\/com\/acme\/Main\.class$/m,
  );

  await writeFile(
    join(work.path, "app.jar"),
    await zipOf(jarOf({ path: "com/acme/More.class", content: classHead }), { mtime: new Date() }),
  );
  expect(await work.lading(["build", "-f", "app.jar", ...flags, "-o", "oci:two"])).toMatchObject({ status: 0 });
  const after = await layersOf(work, "oci:two");
  expect([...after].filter(([name, digest]) => before.get(name) !== digest).map(([name]) => name)).toEqual(["classes"]);
});
