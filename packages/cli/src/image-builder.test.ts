import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copy, OciArchive, openImage } from "@lading/oci";
import { RegistryClient } from "@lading/registry-client";
import { randomImage, startRegistry } from "@lading/testkit";
import { afterAll, beforeAll, expect, expectTypeOf, test } from "vitest";
import { type BuiltImage, type BuildSpecInput, defineConfig, from, ImageBuilder, scratch } from "./index.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lading-api-"));
  await writeFile(join(folder, "main"), "#!/bin/sh\n", { mode: 0o755 });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("every method says what lading.yaml would", () => {
  expect(
    from("oci:base")
      .name("ghcr.io/acme/app")
      .tag("1", "1.2")
      .layer("dependencies", { node_modules: "/app/node_modules" })
      .layer("app", [{ content: "x", dest: "/x" }], { owner: "1000", platform: "linux/arm64" })
      .entrypoint(["node", "/app/main.js"])
      .cmd("--port 80")
      .env({ A: 1 })
      .env({ B: true })
      .label({ a: "b" })
      .annotation({ c: "d" })
      .user(1000)
      .workdir("/app")
      .expose(80, "53/udp")
      .volume("/data")
      .stopSignal("SIGINT")
      .healthcheck({ test: ["/ok"] })
      .compression("zstd:3")
      .created(new Date(0))
      .author("me")
      .allowSecrets("fixtures/**").spec,
  ).toEqual({
    from: "oci:base",
    name: "ghcr.io/acme/app",
    tags: ["1", "1.2"],
    layers: [
      { name: "dependencies", add: [{ src: "node_modules", dest: "/app/node_modules" }] },
      { name: "app", owner: "1000", platform: "linux/arm64", add: [{ content: "x", dest: "/x" }] },
    ],
    entrypoint: ["node", "/app/main.js"],
    cmd: "--port 80",
    env: { A: 1, B: true },
    labels: { a: "b" },
    annotations: { c: "d" },
    user: 1000,
    workdir: "/app",
    expose: [80, "53/udp"],
    volumes: ["/data"],
    stopSignal: "SIGINT",
    healthcheck: { test: ["/ok"] },
    compression: "zstd:3",
    created: "1970-01-01T00:00:00.000Z",
    author: "me",
    allowSecrets: ["fixtures/**"],
  });
});

test("a description is never changed: what is built on it is another", () => {
  const base = scratch().layer("one", { main: "/main" }).expose(80);
  const more = base.layer("two", {}).expose(81).env({ A: "1" });
  expect(base.spec).toEqual({
    from: "scratch",
    layers: [{ name: "one", add: [{ src: "main", dest: "/main" }] }],
    expose: [80],
  });
  expect(more.spec.layers).toHaveLength(2);
});

test("build and save give an image that can be read back, under its names", async () => {
  const events: string[] = [];
  const image = await scratch()
    .name("ghcr.io/acme/app:1")
    .layer("app", { main: "/app/" })
    .entrypoint(["/app/main"])
    .build({
      platforms: ["linux/arm64"],
      context: folder,
      cacheDir: join(folder, "cache"),
      onEvent: (event) => void events.push(event.type),
    });
  expectTypeOf(image).toEqualTypeOf<BuiltImage>();
  expect(events).toEqual(expect.arrayContaining(["layer-start", "layer-done", "image"]));

  const file = join(folder, "app.tar");
  await image.save(`oci-archive:${file}`);
  const archive = await OciArchive.open(file);
  const read = await openImage(archive, "ghcr.io/acme/app:1");
  expect(read.descriptor.digest).toBe(image.digest);
  expect(read.config.config?.Entrypoint).toEqual(["/app/main"]);

  await image.save(`oci-archive:${file}`, { tags: ["2", "quay.io/acme/app:3"] });
  const renamed = await OciArchive.open(file);
  expect((await renamed.resolve("ghcr.io/acme/app:2")).digest).toBe(image.digest);
  expect((await renamed.resolve("quay.io/acme/app:3")).digest).toBe(image.digest);
  await expect(renamed.resolve("ghcr.io/acme/app:1")).rejects.toThrow("Cannot find");
});

test("an image from another is built upon it", async () => {
  const options = { context: folder, cacheDir: join(folder, "cache"), platforms: ["linux/arm64"] };
  const base = await scratch()
    .layer("base", [{ content: "b", dest: "/b" }])
    .env({ P: "/bin" })
    .build(options);
  await base.save(`oci:${join(folder, "base")}`);
  const image = await from(`oci:${join(folder, "base")}`)
    .layer("app", { main: "/main" })
    .env({ P: "$P:/app" })
    .build(options);
  expect(image.images[0]?.layers.map(({ reuse }) => reuse)).toEqual(["base", "none"]);
});

test("a wrong description or place is refused by name", async () => {
  const options = { context: folder, cacheDir: join(folder, "cache") };
  const wrong = new ImageBuilder({ compression: "lzma" });
  await expect(wrong.build(options)).rejects.toThrow(expect.objectContaining({ name: "ConfigError" }));
  await expect(scratch().layer("x", { gone: "/gone" }).build(options)).rejects.toThrow('"gone"');
  await expect(from("docker:nginx").layer("x", { main: "/" }).build(options)).rejects.toThrow('Cannot read "docker:');
  const image = await scratch().layer("x", { main: "/" }).build(options);
  await expect(image.save("ghcr.io/acme/app")).rejects.toThrow("it is in a registry");
});

test("push sends a build on a registry's base, whose layers are mounted", async () => {
  await using registry = await startRegistry();
  const base = await randomImage({ layers: 2 });
  await using client = await RegistryClient.open();
  const repository = client.repository(`${registry.host}/library/base`);
  await copy(base.source, repository, base.descriptor);
  await repository.tag(base.descriptor, "1");

  const options = { context: folder, cacheDir: join(folder, "cache") };
  await using image = await from(`${registry.host}/library/base:1`).layer("app", { main: "/app/" }).build(options);
  const outcomes: string[] = [];
  await image.push(`${registry.host}/acme/app:1`, {
    onEvent: (event) => void (event.type === "blob-done" && outcomes.push(event.outcome)),
  });
  expect(outcomes.toSorted()).toEqual(["copied", "copied", "copied", "mounted", "mounted"]);
  expect((await client.repository(`${registry.host}/acme/app`).resolve("1")).digest).toBe(image.digest);
});

test("an aborted build throws the signal's reason", async () => {
  const reason = new Error("enough");
  const options = { context: folder, cacheDir: join(folder, "cache"), signal: AbortSignal.abort(reason) };
  await expect(scratch().layer("x", { main: "/" }).build(options)).rejects.toBe(reason);
});

test("defineConfig returns what it is given and knows its keys", () => {
  const spec = defineConfig({ from: "scratch", layers: [{ add: [{ src: "a", dest: "/a", mode: "0644" }] }] });
  expect(spec).toEqual({ from: "scratch", layers: [{ add: [{ src: "a", dest: "/a", mode: "0644" }] }] });
  expectTypeOf(defineConfig).parameter(0).toExtend<BuildSpecInput | (() => BuildSpecInput | Promise<BuildSpecInput>)>();
  // @ts-expect-error Unknown keys are errors for the compiler, too.
  defineConfig({ entrypont: ["x"] });
  // @ts-expect-error A source needs a destination.
  defineConfig({ layers: [{ add: [{ src: "a" }] }] });
});

test("the schema that editors read is the one of this version", async () => {
  const schema: unknown = JSON.parse(await readFile(new URL("../schema/lading.schema.json", import.meta.url), "utf8"));
  expect(schema).toMatchObject({ properties: { layers: {}, entrypoint: {} }, additionalProperties: false });
});
