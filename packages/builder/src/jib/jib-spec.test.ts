import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@lading/testkit";
import { expect, test } from "vitest";
import { readIgnoreFile } from "../list/ignore.ts";
import { listLayer } from "../list/list.ts";
import type { BuildSpec } from "../spec.ts";
import { jibFileSchema } from "./jib-file.ts";
import { specOfJib } from "./jib-spec.ts";

const head = { apiVersion: "jib/v1alpha1", kind: "BuildFile" };

function specOf(file: object, context = "/nowhere"): BuildSpec {
  return specOfJib(jibFileSchema(context).parse({ ...head, ...file }), context);
}

function layersOf(entries: unknown, properties?: object): BuildSpec["layers"] {
  return specOf({ layers: { entries, properties } }).layers;
}

/** What is wrong, as "path: message". */
function wrong(file: object): string[] {
  const { error } = jibFileSchema("/nowhere").safeParse({ ...head, ...file });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

async function tree(...paths: readonly string[]) {
  const folder = await temporaryFolder();
  for (const path of paths) {
    await mkdir(join(folder.path, dirname(path)), { recursive: true });
    if (!path.endsWith("/")) await writeFile(join(folder.path, path), "");
    else await mkdir(join(folder.path, path), { recursive: true });
  }
  return folder;
}

test("a single file may have blanks and wildcards in its name", async () => {
  await using context = await tree("my [1] file.txt");
  const spec = specOf(
    { layers: { entries: [{ name: "a", files: [{ src: "my [1] file.txt", dest: "/app/file.txt" }] }] } },
    context.path,
  );
  const listed = await listLayer(spec.layers?.[0] ?? {}, { context: context.path, timestamp: 1 });
  expect(listed).toMatchObject([{ path: "app/file.txt" }]);
});

test("a file that says nothing is an empty image for linux/amd64 on nothing, as Jib makes it", () => {
  expect(specOf({})).toEqual({ from: "scratch", platforms: ["linux/amd64"] });
  const nothing = Object.fromEntries(
    ["from", "creationTime", "format", "environment", "labels", "volumes", "exposedPorts", "user", "layers"]
      .concat("workingDirectory", "entrypoint", "cmd")
      .map((key) => [key, null]),
  );
  expect(specOf(nothing)).toEqual({ from: "scratch", platforms: ["linux/amd64"] });
});

test("no platforms are linux/amd64, as when nothing is said of them", () => {
  expect(specOf({ from: { image: "alpine:3", platforms: [] } }).platforms).toEqual(["linux/amd64"]);
});

test("every key of the container is said in our words", () => {
  const spec = specOf({
    from: { image: "alpine:3", platforms: [{ architecture: "arm64", os: "linux" }] },
    creationTime: 1500,
    format: "OCI",
    environment: { PATH: "/bin:$PATH", DEBUG: true },
    labels: { version: 2 },
    volumes: ["/data"],
    exposedPorts: [8080, "53/udp", "9000-9010"],
    user: 1000,
    workingDirectory: "/app",
    entrypoint: ["java"],
    cmd: ["-version"],
  });
  expect(spec).toEqual({
    from: "alpine:3",
    platforms: ["linux/arm64"],
    created: "1970-01-01T00:00:01.500Z",
    env: { PATH: "/bin:$$PATH", DEBUG: "true" },
    labels: { version: "2" },
    volumes: ["/data"],
    expose: ["8080", "53/udp", "9000-9010"],
    user: "1000",
    workdir: "/app",
    entrypoint: ["java"],
    cmd: ["-version"],
  });
});

test("an empty entrypoint is none, and no word of it leaves the base's", () => {
  expect(specOf({ entrypoint: [] }).entrypoint).toEqual([]);
  expect(specOf({ cmd: [] })).not.toHaveProperty("entrypoint");
});

test.each([
  ["registry://quay.io/a/b:1", "quay.io/a/b:1"],
  ["tar://base.tar", "docker-archive:base.tar"],
  ["scratch", "scratch"],
])("the base %s is %s", (image, place) => {
  expect(specOf({ from: { image } }).from).toBe(place);
});

test("a base in Docker's daemon is refused with what to do", () => {
  expect(() => specOf({ from: { image: "docker://alpine" } })).toThrow("Docker's daemon is not asked for images");
});

test("properties come down from all layers to a layer to a file, one by one", () => {
  const entries = [
    {
      name: "app",
      properties: { filePermissions: 640, group: "staff" },
      files: [
        { src: "a", dest: "/a", properties: { timestamp: "2020-06-08T14:54:36+00:00", user: 0 } },
        { src: "b", dest: "/b/", properties: { filePermissions: "755", timestamp: 12_999 } },
      ],
    },
    { name: "plain", files: [{ src: "c", dest: "/c" }] },
  ];
  expect(layersOf(entries, { filePermissions: "600", directoryPermissions: "700", user: "7" })).toEqual([
    {
      name: "app",
      add: [
        {
          src: ["a"],
          dest: "/a",
          ignore: false,
          mode: "0640",
          dirMode: "0700",
          owner: "0:staff",
          mtime: 1_591_628_076,
        },
        { src: ["b"], dest: "/b/", ignore: false, mode: "0755", dirMode: "0700", owner: "7:staff", mtime: 12 },
      ],
    },
    { name: "plain", add: [{ src: ["c"], dest: "/c", ignore: false, mode: "0600", dirMode: "0700", owner: "7:0" }] },
  ]);
});

test("files are 0644 whatever they are on disk, and of nobody in particular", () => {
  expect(layersOf([{ name: "app", files: [{ src: "run.sh", dest: "/bin/" }] }])).toEqual([
    { name: "app", add: [{ src: ["run.sh"], dest: "/bin/", ignore: false, mode: "0644" }] },
  ]);
});

test("a source is no glob", () => {
  expect(layersOf([{ name: "a", files: [{ src: "[id].js", dest: "/" }] }])?.[0]?.add).toMatchObject([
    { src: [String.raw`\[id\].js`] },
  ]);
});

test("a layer that is an archive is unpacked at the root", () => {
  expect(layersOf([{ name: "deps", archive: "deps.tar.gz", mediaType: "application/x" }])).toEqual([
    { name: "deps", add: [{ src: ["deps.tar.gz"], dest: "/", unpack: true, ignore: false }] },
  ]);
});

test.each([
  [{ excludes: ["**/*.txt"] }, ["app/dir/b.sh", "app/keep/d.sh"]],
  [{ excludes: ["**/dir"] }, ["app/a.txt", "app/dir/b.sh", "app/dir/c.txt", "app/keep/d.sh"]],
  [{ excludes: ["**/dir/"] }, ["app/a.txt", "app/keep/d.sh"]],
  [{ excludes: ["**/dir/**", "**/a.*"] }, ["app/keep/d.sh"]],
  [{ includes: ["**/*.sh"] }, ["app/dir/b.sh", "app/keep/d.sh"]],
  [{ includes: ["**/src/*"] }, ["app/a.txt"]],
  [{ includes: ["./src/*.txt"] }, ["app/a.txt"]],
  [{ includes: ["*.txt"] }, []],
  [{ includes: ["**.{txt,md}"], excludes: ["**/dir/*"] }, ["app/a.txt"]],
])("patterns see the source's path: %j", async (patterns, files) => {
  await using folder = await tree("src/a.txt", "src/dir/b.sh", "src/dir/c.txt", "src/keep/d.sh");
  const spec = specOf(
    { layers: { entries: [{ name: "l", files: [{ src: "src", dest: "/app", ...patterns }] }] } },
    folder.path,
  );
  const entries = await listLayer(spec.layers?.[0] ?? {}, { context: folder.path, timestamp: 1 });
  expect(entries.filter(({ type }) => type === "file").map(({ path }) => path)).toEqual(files);
});

test("names that are patterns to us are left out by their letters", async () => {
  await using folder = await tree("src/[a].txt", "src/a.txt", "src/!b.txt", "src/ c .txt");
  const files = [{ src: "src", dest: "/", excludes: [String.raw`**/\[a\].txt`, "**/!b.txt", "**/ c .txt"] }];
  const spec = specOf({ layers: { entries: [{ name: "l", files }] } }, folder.path);
  const entries = await listLayer(spec.layers?.[0] ?? {}, { context: folder.path, timestamp: 1 });
  expect(entries.map(({ path }) => path)).toEqual(["a.txt"]);
});

test("Jib knows no ignore files", async () => {
  await using folder = await tree("src/a.txt");
  await writeFile(join(folder.path, ".dockerignore"), "src\n");
  const spec = specOf({ layers: { entries: [{ name: "l", files: [{ src: "src", dest: "/" }] }] } }, folder.path);
  const ignore = readIgnoreFile(folder.path);
  const entries = await listLayer(spec.layers?.[0] ?? {}, { context: folder.path, timestamp: 1, ignore });
  expect(entries.map(({ path }) => path)).toEqual(["a.txt"]);
});

function withPatterns(patterns: object): object {
  const files = [{ src: "a.txt", dest: "/", ...patterns }];
  return { ...head, layers: { entries: [{ name: "l", files }] } };
}

test("patterns for a single file are refused, and an empty list is none", async () => {
  await using folder = await tree("a.txt");
  const schema = jibFileSchema(folder.path);
  const { error } = schema.safeParse(withPatterns({ excludes: ["*"] }));
  expect(JSON.stringify(error?.issues)).toContain("is a single file, and patterns choose among the files of a folder");
  expect(schema.safeParse(withPatterns({ includes: [] })).success).toBe(true);
});

test.each([
  [{ apiVersion: "jib/v2" }, "apiVersion"],
  [{ kind: "Build" }, "kind"],
  [{ from: {} }, "from.image"],
  [{ from: { image: " " } }, "from.image: it cannot be empty"],
  [{ from: { image: "a", platforms: [{ os: "linux" }] } }, "from.platforms.0.architecture"],
  [{ creationTime: "yesterday" }, "creationTime: expected milliseconds"],
  [{ creationTime: "2020-06-08T14:54:36" }, "creationTime: expected milliseconds"],
  [{ format: "docker" }, "format"],
  [{ environment: { A: null } }, "environment.A"],
  [{ environment: { A: "" } }, "environment.A: it cannot be empty"],
  [{ environment: { "A=": "b" } }, "environment.A="],
  [{ labels: { a: "" } }, "labels.a: it cannot be empty"],
  [{ labels: { "": "a" } }, "labels."],
  [{ volumes: ["data"] }, "volumes.0: expected a path that begins with a slash"],
  [{ exposedPorts: [""] }, "exposedPorts.0: it cannot be empty"],
  [{ exposedPorts: ["8080/sctp"] }, 'exposedPorts.0: expected a port like "8080"'],
  [{ exposedPorts: ["8080-"] }, "exposedPorts.0: expected a port"],
  [{ user: "" }, "user: it cannot be empty"],
  [{ workingDirectory: "app" }, "workingDirectory: expected a path"],
  [{ entrypoint: [null] }, "entrypoint.0"],
  [{ cmd: "run" }, "cmd"],
  [{ layers: {} }, "layers.entries"],
  [{ layers: { entries: [] } }, "layers.entries: it cannot be empty"],
  [{ layers: { entries: [null] } }, "layers.entries.0"],
  [
    { layers: { entries: [{ name: "a" }], properties: { filePermissions: "0644" } } },
    "layers.properties.filePermissions",
  ],
  [{ layers: { entries: [{ name: "a" }], properties: { directoryPermissions: "8" } } }, "layers.properties.directory"],
  [{ layers: { entries: [{ name: "a" }], properties: { user: "a:b" } } }, "layers.properties.user"],
  [{ layers: { entries: [{ name: "a" }], properties: { group: "" } } }, "layers.properties.group"],
  [{ layers: { entries: [{ name: "a" }], properties: { timestamp: "x" } } }, "layers.properties.timestamp"],
  [{ unknown: 1 }, ": Unrecognized key"],
])("%j is refused at its place", (file, message) => {
  expect(wrong(file).join("\n")).toContain(message);
});

test.each([
  [{ files: [{ src: "a", dest: "/" }] }, "name"],
  [{ name: "a", files: [] }, "it cannot be empty"],
  [{ name: "a", files: [{ dest: "/" }] }, "src"],
  [{ name: "a", files: [{ src: "a", dest: "b" }] }, "expected a path that begins with a slash"],
  [{ name: "a", files: [{ src: "a", dest: "/", includes: ["[a"] }] }, "at the end of a class"],
  [{ name: "a", files: [{ src: "a", dest: "/", excludes: [null] }] }, "excludes"],
  [{ name: "a", files: [{ src: "a", dest: "/" }], archive: "b.tar" }, "archive"],
  [{ name: "a", archive: "" }, "it cannot be empty"],
])("the layer %j is refused", (layer, message) => {
  const { error } = jibFileSchema("/nowhere").safeParse({ ...head, layers: { entries: [layer] } });
  expect(JSON.stringify(error?.issues)).toContain(message);
});
