import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configOf, look, workspace } from "./workspace.suite.ts";

test("COPY package.json *.lock: wildcards may match nothing where another source is there", async () => {
  const space = await workspace();
  const result = await space.build("FROM scratch\nCOPY package.json yarn.lock* pnpm-lock.y?ml ./\n", {
    files: { "package.json": "{}" },
  });
  expect(await look(result)).toEqual(["package.json 644 0:0 {}"]);
  expect(await space.failure("FROM scratch\nCOPY *.none *.lock /\n")).toBe(
    '2:1 "*.none" matches nothing in the context',
  );
  expect(await space.failure("FROM scratch\nCOPY none *.json /\n")).toBe('2:1 Cannot find "none" in the context');
});

test("a destination that comes to nothing is the working directory, and flags that do were not given", async () => {
  const space = await workspace();
  const result = await space.build(
    'FROM scratch\nWORKDIR /w\nENV empty=""\nCOPY --chown=$empty --chmod=$none --exclude=$none f $empty\n',
    { files: { f: "F" } },
  );
  expect(await look(result)).toEqual(["w/ 755 0:0", "w/f 644 0:0 F"]);
});

test("the first pivot of --parents counts", async () => {
  const space = await workspace();
  const result = await space.build("FROM scratch\nCOPY --parents a/./b/./c/f /x/\n", { files: { "a/b/c/f": "F" } });
  expect((await look(result)).at(-1)).toBe("x/b/c/f 644 0:0 F");
});

test("--parents makes the folders as they are in the source", async () => {
  const space = await workspace();
  space.write({ "p/q/f": "F", "p/q/s/g": "G" });
  chmodSync(join(space.context, "p"), 0o700);
  chmodSync(join(space.context, "p/q"), 0o711);
  const result = await space.build(
    `FROM scratch AS made
COPY --parents --chown=3:4 p/q/f /one/
FROM scratch
COPY --parents p/./q/s /two/
COPY --parents --from=made /one/p/q/* /three/
`,
  );
  expect((await look(result)).filter((line) => line.includes("/ "))).toEqual([
    "three/ 755 0:0",
    "three/one/ 755 3:4",
    "three/one/p/ 700 3:4",
    "three/one/p/q/ 711 3:4",
    "two/ 755 0:0",
    "two/q/ 711 0:0",
    "two/q/s/ 755 0:0",
  ]);
});

test("with --parents, patterns of --exclude begin where the folders do", async () => {
  const space = await workspace();
  const files = { "p/q/a.md": "", "p/q/b.txt": "", "p/c.md": "" };
  const result = await space.build(
    "FROM scratch\nCOPY --parents --exclude=p/q/*.md p /x/\nCOPY --parents --exclude=q/*.md p/./q /y/\n",
    { files },
  );
  expect((await look(result)).filter((line) => !line.includes("/ "))).toEqual([
    "x/p/c.md 644 0:0",
    "x/p/q/b.txt 644 0:0",
    "y/q/b.txt 644 0:0",
  ]);
});

test("a symbolic --chmod changes what is copied, and no folder that is made for it", async () => {
  const space = await workspace();
  const result = await space.build("FROM scratch\nCOPY --chmod=go-rx d /a/b\nCOPY --chmod=700 f /c/f\n", {
    files: { "d/s/f": "F", f: "F" },
  });
  expect(await look(result)).toEqual([
    "a/ 755 0:0",
    "a/b/ 755 0:0",
    "a/b/s/ 700 0:0",
    "a/b/s/f 600 0:0 F",
    "c/ 700 0:0",
    "c/f 700 0:0 F",
  ]);
});

test.each([
  ["the target that was asked for", "one", "one"],
  ["default when none was", undefined, "default"],
])("TARGETSTAGE is %s", async (_, target, stage) => {
  const space = await workspace();
  const text =
    "FROM scratch AS one\nARG TARGETSTAGE TARGETOSVERSION\nENV STAGE=$TARGETSTAGE[$TARGETOSVERSION]\nCOPY f /\n";
  const result = await space.build(text, { files: { f: "" }, target });
  expect((await configOf(result)).Env).toContain(`STAGE=${stage}[]`);
});

test("--build-arg goes before the arguments that every build has, in FROM as well", async () => {
  const space = await workspace();
  const result = await space.build(
    "FROM scratch AS image-odd\nCOPY f /\nFROM image-$TARGETARCH\nARG TARGETARCH\nENV ARCH=$TARGETARCH\n",
    { files: { f: "" }, buildArgs: { TARGETARCH: "odd" } },
  );
  expect((await configOf(result)).Env).toContain("ARCH=odd");
});

test("a platform that a variable says is checked like any", async () => {
  const space = await workspace();
  const text = "ARG P=linux/arm64\nFROM --platform=$P scratch\nLABEL a=b\n";
  await space.build(text);
  expect(await space.failure(text, { buildArgs: { P: "pdp" } })).toBe('2:17 Cannot read platform "pdp"');
});

test("a named context stands in for a stage that is called so, which is not built", async () => {
  const space = await workspace();
  space.images.set(
    "oci:other",
    await space.build("FROM scratch\nCOPY f /of-image\n", { files: { f: "F", "d/g": "G" } }),
  );
  const text = "FROM scratch AS Tools\nCOPY never /\nFROM tools\nCOPY --from=tools . /copied/\n";
  const result = await space.build(text, { contexts: { tools: { place: "oci:other" } } });
  expect(await look(result)).toEqual(["copied/ 755 0:0", "copied/of-image 644 0:0 F", "of-image 644 0:0 F"]);
  const copying = text.replace("FROM tools", "FROM scratch");
  const folder = await space.build(copying, { contexts: { tools: { folder: join(space.context, "d") } } });
  expect(await look(folder)).toEqual(["copied/ 755 0:0", "copied/g 644 0:0 G"]);
});

test("a named context stands in for an image however it is written", async () => {
  const space = await workspace();
  space.images.set("oci:mine", await space.build("FROM scratch\nCOPY f /\n", { files: { f: "F" } }));
  for (const image of ["alpine", "alpine:latest", "docker.io/library/alpine"])
    expect(await look(await space.build(`FROM ${image}\n`, { contexts: { alpine: { place: "oci:mine" } } }))).toEqual([
      "f 644 0:0 F",
    ]);
});

test("FROM scratch with a label alone is an image, whose one layer is empty", async () => {
  const space = await workspace();
  const result = await space.build("FROM scratch\nLABEL a=b\nWORKDIR /\n");
  expect(await look(result)).toEqual([]);
  expect((await configOf(result)).Labels).toEqual({ a: "b" });
  expect(result.images[0]?.layers).toHaveLength(1);
});
