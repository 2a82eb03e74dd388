import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { archive, classFor, manifest } from "./archive-fixture.suite.ts";
import { describeJavaArchive } from "./java-archive.ts";

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = await archive(name, []);
  await writeFile(path, content);
  return path;
}

test.each([
  ["text", "no archive", "it is no zip"],
  ["nothing", "", "it is no zip"],
  ["a script", "#!/bin/bash\nPK", "it begins with a script, as Spring Boot's executable jars do, and not as a zip"],
])("a jar that is %s is refused", async (_, content, why) => {
  await expect(describeJavaArchive(await file("app.jar", content))).rejects.toMatchObject({
    code: "SOURCE_UNREADABLE",
    message: `Cannot read "app.jar": ${why}`,
  });
});

test("a jar that is cut short is refused", async () => {
  const jar = await archive("app.jar", [manifest("Main-Class: a.Main")]);
  await writeFile(jar, (await readFile(jar)).subarray(0, 80));
  await expect(describeJavaArchive(jar)).rejects.toThrow(
    'Cannot read "app.jar": it has no directory at its end: it is cut short, or no zip',
  );
});

test("a class that is none is refused", async () => {
  const jar = await archive("app.jar", [manifest("Main-Class: a.Main"), { path: "a/Main.class", content: "source" }]);
  await expect(describeJavaArchive(jar)).rejects.toThrow(
    'Cannot read "app.jar": "a/Main.class" in it is no class file',
  );
});

test("names that no repository may have become ones that it may", async () => {
  await using folder = await temporaryFolder();
  const jar = await archive("x.jar", [manifest("Main-Class: a.Main"), { path: "a/Main.class", content: classFor(8) }]);
  const named = async (name: string): Promise<string | undefined> => {
    await writeFile(join(folder.path, name), await readFile(jar));
    return (await describeJavaArchive(join(folder.path, name))).spec.name;
  };
  expect(await named("My_App--1.0+build..7.jar")).toBe("my_app--1.0-build-7");
  expect(await named("äß.jar")).toBeUndefined();
});
