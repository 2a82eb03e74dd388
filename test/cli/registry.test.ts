import type { ServerResponse } from "node:http";
import { copy, digestHex, jsonBytes, MemoryStore, mediaTypes, parseReference, readBlob } from "@lading/oci";
import { RegistryClient } from "@lading/registry-client";
import { randomImage, startRegistry } from "@lading/testkit";
import { expect, test } from "vitest";
import * as z from "zod";
import { type Workspace, workspace } from "./workspace.ts";

const site = { "index.html": "hello\n", "app.js": "1\n" };
const digest = /^sha256:[0-9a-f]{64}\n$/;

type Registry = Awaited<ReturnType<typeof startRegistry>>;

/** Runs `lading` and expects it to succeed; what it wrote to stdout, without the line's end. */
async function run(work: Workspace, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await work.lading(args);
  expect({ args, status, stderr: status === 0 ? "" : stderr }).toEqual({ args, status: 0, stderr: "" });
  return stdout.trimEnd();
}

/** Builds an image for two platforms into oci:layout. */
async function twoPlatforms(work: Workspace, ...names: string[]): Promise<string> {
  const tags = names.flatMap((name) => ["-t", name]);
  const flags = ["--platform", "linux/amd64,linux/arm64", "-o", "oci:layout"];
  return await run(work, "build", "-q", "--add", "index.html:/srv/", ...flags, ...tags);
}

/** Puts a random image into a registry. */
async function put(registry: Registry, name: string, options?: Parameters<typeof randomImage>[0]) {
  const image = await randomImage(options);
  await using client = await RegistryClient.open();
  const reference = parseReference(`${registry.host}/${name}`);
  const repository = client.repository(reference);
  await copy(image.source, repository, image.descriptor);
  await repository.tag(image.descriptor, reference.tag ?? "latest");
  return image;
}

/** Signs, in a manner of speaking, what a name leads to: by subject, and by cosign's tag. */
async function refer(registry: Registry, name: string) {
  await using client = await RegistryClient.open();
  const reference = parseReference(`${registry.host}/${name}`);
  const repository = client.repository(reference);
  const subject = await repository.resolve(reference.tag ?? "latest");
  const memory = new MemoryStore();
  const empty = await memory.write(bytes("{}"), "application/vnd.oci.empty.v1+json");
  const document = (extra: object) =>
    jsonBytes({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, ...extra, config: empty, layers: [empty] });
  const sbom = await memory.write(
    once(document({ artifactType: "application/spdx+json", subject })),
    mediaTypes.ociManifest,
  );
  const signature = await memory.write(once(document({ annotations: { by: "me" } })), mediaTypes.ociManifest);
  for (const one of [sbom, signature]) await copy(memory, repository, one);
  await repository.tag(signature, `sha256-${digestHex(subject.digest)}.sig`);
  return { sbom, signature };
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

function bytes(text: string): AsyncGenerator<Uint8Array> {
  return once(new TextEncoder().encode(text));
}

/** What the registry was asked since `from`, shortly. */
function asked(registry: Registry, from = 0): string[] {
  return registry.requests
    .slice(from)
    .filter(({ operation }) => operation !== "ping")
    .map(({ method, operation }) => `${method} ${operation}`);
}

test("push sends an image under several tags, and nothing of what is there", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const built = await twoPlatforms(work);
  const names = ["1.2", "latest"].map((tag) => `${registry.host}/acme/site:${tag}`);
  expect(await run(work, "push", "oci:layout", ...names)).toBe(built);
  expect((await run(work, "tags", `${registry.host}/acme/site`)).split("\n").toSorted()).toEqual(["1.2", "latest"]);
  for (const name of names) expect(await run(work, "digest", name)).toBe(built);

  const before = registry.requests.length;
  expect(await run(work, "push", "-q", "oci:layout", ...names)).toBe(built);
  // The index, its two images, and both tags; nothing is sent.
  expect(asked(registry, before).filter((one) => one !== "GET manifest")).toEqual(Array(5).fill("HEAD manifest"));
});

test("push takes the names that an archive has, and digest asks by HEAD alone", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const name = `${registry.host}/acme/site:3`;
  const built = await run(work, "build", "-q", "--add", "index.html:/", "-t", name, "-o", "oci-archive:site.tar");
  expect(await run(work, "push", "oci-archive:site.tar")).toBe(built);
  const before = registry.requests.length;
  expect(await run(work, "digest", `docker://${name}`)).toBe(built);
  expect(asked(registry, before)).toEqual(["HEAD manifest"]);
  await run(work, "push", "oci-archive:site.tar");
  expect(asked(registry, before)).toEqual(["HEAD manifest", "HEAD manifest", "HEAD manifest"]);
});

test("pull writes an archive of this machine's image; --all-platforms keeps the digest", async () => {
  await using registry = await startRegistry();
  await using work = await workspace();
  const image = await put(registry, "acme/app:1", { platforms: ["linux/amd64", "linux/arm64"], layers: 2 });
  const name = `${registry.host}/acme/app:1`;
  const own = await run(work, "pull", name);
  expect(image.images.map(({ descriptor }) => descriptor.digest)).toContain(own);
  expect(await work.names()).toEqual(["app.tar"]);
  expect(await run(work, "digest", `oci-archive:app.tar:${name}`)).toBe(own);

  expect(await run(work, "pull", "-a", name, "oci:all")).toBe(image.descriptor.digest);
  expect(await run(work, "digest", "oci:all")).toBe(image.descriptor.digest);
  expect(await run(work, "pull", "--platform", "linux/arm64", name, "docker-archive:arm.tar")).toBe(
    image.images[1]?.descriptor.digest,
  );
  const missing = await work.lading(["pull", "--platform", "linux/s390x", name, "oci:none"]);
  expect(missing).toMatchObject({ status: 1, stdout: "" });
  expect(missing.stderr).toContain("linux/amd64");
});

test("copy brings signatures and SBOMs along, mounts within a registry, and leaves them with --no-referrers", async () => {
  await using registry = await startRegistry();
  await using work = await workspace();
  const image = await put(registry, "acme/app:1", { platforms: ["linux/amd64", "linux/arm64"] });
  const { sbom, signature } = await refer(registry, "acme/app:1");
  const [from, to] = [`${registry.host}/acme/app:1`, `${registry.host}/mirror/app:1`];
  const before = registry.requests.length;
  expect(await run(work, "copy", from, to)).toBe(image.descriptor.digest);
  const requests = asked(registry, before);
  expect(requests).toContain("POST mount");
  expect(requests).not.toContain("GET blob");

  const listed = z
    .object({ referrers: z.array(z.object({ digest: z.string(), tag: z.string().optional() })) })
    .parse(JSON.parse(await run(work, "referrers", "--json", to)));
  expect(listed.referrers.map((one) => one.digest).toSorted()).toEqual([sbom.digest, signature.digest].toSorted());
  expect(await run(work, "referrers", to)).toMatch(
    /application\/spdx\+json[^]*cosign signature|cosign signature[^]*spdx/,
  );
  expect(await run(work, "referrers", "-q", "--artifact-type", "application/spdx+json", to)).toBe(sbom.digest);

  // Through an archive and out again, they are still there.
  await run(work, "copy", to, "oci-archive:app.tar");
  await run(work, "copy", `oci-archive:app.tar:${to}`, `${registry.host}/third/app:1`);
  expect(await run(work, "referrers", "-q", `${registry.host}/third/app:1`)).toContain(sbom.digest);

  await using bare = await startRegistry();
  await run(work, "copy", "--no-referrers", from, `${bare.host}/acme/app:1`);
  expect(await run(work, "referrers", "-q", `${bare.host}/acme/app:1`)).toBe("");
});

test("copy --platform takes the manifest of one platform, or an index of several", async () => {
  await using registry = await startRegistry();
  await using work = await workspace();
  const platforms = ["linux/amd64", "linux/arm64", "linux/s390x"];
  const image = await put(registry, "acme/app:1", { platforms });
  const from = `${registry.host}/acme/app:1`;
  expect(await run(work, "copy", "--platform", "linux/arm64", from, "oci:one")).toBe(
    image.images[1]?.descriptor.digest,
  );
  const subset = await run(work, "copy", "--platform", "linux/amd64,linux/s390x", from, `${registry.host}/acme/two:1`);
  expect(subset).not.toBe(image.descriptor.digest);
  const shown = z
    .object({ digest: z.string(), platforms: z.array(z.object({ platform: z.string() })) })
    .parse(JSON.parse(await run(work, "inspect", "--json", `${registry.host}/acme/two:1`)));
  expect(shown).toMatchObject({
    digest: subset,
    platforms: [{ platform: "linux/amd64" }, { platform: "linux/s390x" }],
  });
});

test("inspect, diff and export read from a registry", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const [one, two] = [`${registry.host}/acme/site:1`, `${registry.host}/acme/site:2`];
  await run(work, "build", "-q", "--add", "index.html:/srv/", "-o", one);
  await run(work, "build", "-q", "--add", "index.html:/srv/", "--add", "app.js:/srv/", "-o", two);
  expect(await run(work, "inspect", one)).toMatch(new RegExp(`^${one}\n`));
  expect(await run(work, "diff", one, two)).toMatch(/^\+ +\/srv\/app\.js/m);
  await run(work, "export", two, "files");
  expect(await work.read("files/srv/app.js")).toBe("1\n");
});

test("build --from REGISTRY --push moves no byte of the base where it can be mounted", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const base = await put(registry, "library/base:1", { layers: 3, size: 20_000 });
  const flags = ["--from", `${registry.host}/library/base:1`, "--add", "index.html:/srv/"];
  const names = ["1", "latest"].flatMap((tag) => ["-t", `${registry.host}/acme/site:${tag}`]);
  const built = await run(work, "build", "-q", ...flags, ...names, "--push");
  expect(`${built}\n`).toMatch(digest);
  for (const tag of ["1", "latest"]) expect(await run(work, "digest", `${registry.host}/acme/site:${tag}`)).toBe(built);
  expect(await work.names()).toEqual(["app.js", "index.html"]);
  const layers = base.images[0]?.layers.map(({ descriptor }) => descriptor.digest) ?? [];
  const fetched = registry.requests.filter(
    ({ method, reference }) => method === "GET" && layers.some((one) => one === reference),
  );
  expect(fetched).toEqual([]);
  expect(asked(registry).filter((one) => one === "POST mount")).toHaveLength(layers.length);

  const before = registry.requests.length;
  await work.write({ "index.html": "other\n" });
  const again = await run(work, "build", "-q", ...flags, "-t", `${registry.host}/acme/other:1`, "--push");
  expect(again).not.toBe(built);
  expect(asked(registry, before)).not.toContain("GET blob");
  expect(asked(registry, before)).not.toContain("GET manifest");
  expect(registry.requests.slice(before).filter(({ operation }) => operation === "mount")).toHaveLength(layers.length);
});

test("an offline build asks nobody, and says what it takes a tag for, or what is missing", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const image = await put(registry, "acme/base:1", { layers: 2 });
  const base = `${registry.host}/acme/base:1`;
  const build = ["build", "--from", base, "--add", "index.html:/", "-o", "oci-archive:site.tar"];
  const never = await work.lading([...build, "--offline"]);
  expect(never).toMatchObject({ status: 1, stdout: "" });
  expect(never.stderr).toContain(`Cannot use ${base} offline: it was never asked for`);
  expect(never.stderr).toContain("hint: Run the build once without --offline");

  const built = await run(work, ...build, "-q");
  const before = registry.requests.length;
  const offline = await work.lading([...build, "--offline"]);
  expect(offline.stderr).toContain(`offline: ${base} is taken for ${image.descriptor.digest}, as of 20`);
  expect(offline).toMatchObject({ status: 0, stdout: `${built}\n` });
  expect(registry.requests).toHaveLength(before);

  const push = await work.lading([...build, "--offline", "--push", "-t", base]);
  expect(push).toMatchObject({ status: 2 });
  expect(push.stderr).toContain("with --offline");
});

test("copy --file mirrors tags by pattern, copies what differs, and goes on when an image fails", async () => {
  await using registry = await startRegistry();
  await using work = await workspace();
  for (const tag of ["1.26", "1.27", "1.27-alpine", "2.0-rc1"]) await put(registry, `acme/app:${tag}`);
  const list = `images:
  - source: ${registry.host}/acme/gone:1
    target: ${registry.host}/mirror/gone
  - source: ${registry.host}/acme/app
    target: ${registry.host}/mirror/app
    tags: ["1.*", "/^2/"]
    exclude: ["*-rc*"]
`;
  await work.write({ "mirror.yaml": list });
  const dry = await work.lading(["copy", "--file", "mirror.yaml", "--dry-run"]);
  expect(dry.stdout.match(/^would copy/gm)).toHaveLength(3);
  const first = await work.lading(["copy", "-f", "mirror.yaml"]);
  expect(first.status).toBe(1);
  expect(first.stdout.match(/^copied/gm)).toHaveLength(3);
  expect(first.stdout).toMatch(/^failed/m);
  expect(first.stderr).toContain("4 images: 3 copied, 1 failed\n");
  expect((await run(work, "tags", `${registry.host}/mirror/app`)).split("\n").toSorted()).toEqual([
    "1.26",
    "1.27",
    "1.27-alpine",
  ]);

  await put(registry, "acme/app:1.27");
  const before = registry.requests.length;
  const second = await work.lading(["copy", "-f", "mirror.yaml", "--json"]);
  const results = second.stdout
    .trimEnd()
    .split("\n")
    .map((line) => z.object({ outcome: z.string() }).parse(JSON.parse(line)));
  expect(results.map(({ outcome }) => outcome).toSorted()).toEqual(["copied", "failed", "up to date", "up to date"]);
  expect(
    registry.requests.slice(before).filter(({ method, reference }) => method === "GET" && reference === "1.26"),
  ).toEqual([]);

  await work.write({ "wrong.yaml": `images:\n  - source: a/b\n    targt: c/d\n` });
  const wrong = await work.lading(["copy", "-f", "wrong.yaml"]);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain("wrong.yaml:3:5");
  expect(wrong.stderr).toContain('hint: Did you mean "target"?');
});

test("delete removes by digest, and says what is gone", async () => {
  await using registry = await startRegistry();
  await using work = await workspace();
  const image = await put(registry, "acme/app:1");
  const place = `${registry.host}/acme/app@${image.descriptor.digest}`;
  const { status, stdout, stderr } = await work.lading(["delete", place]);
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: `${image.descriptor.digest}\n`,
    stderr: `deleted ${place}\n`,
  });
  expect(await work.lading(["digest", place])).toMatchObject({ status: 1, stdout: "" });
  expect(await work.lading(["delete", `${registry.host}/acme/app`])).toMatchObject({ status: 2, stdout: "" });
});

test("progress tells of each blob: lines in logs, events as JSON", async () => {
  await using registry = await startRegistry();
  await using work = await workspace();
  const image = await put(registry, "acme/app:1", { layers: 2 });
  const [from, to] = [`${registry.host}/acme/app:1`, `${registry.host}/acme/b:1`];
  const layer = digestHex(image.images[0]?.layers[0]?.descriptor.digest ?? image.descriptor.digest).slice(0, 12);
  const pulled = await work.lading(["pull", from, "oci:layout"]);
  expect(pulled.stderr).toMatch(new RegExp(`^${layer}: \\d+(?:\\.\\d+)? k?B in .*$`, "m"));
  expect(pulled.stderr).toMatch(/^wrote oci:layout: /m);
  expect((await work.lading(["pull", from, "oci:layout"])).stderr).toContain("oci:layout is up to date\n");
  const copied = await work.lading(["copy", from, to]);
  expect(copied.stderr).toContain(`${layer}: mounted from acme/app\n`);
  const events = (await work.lading(["pull", "--progress", "json", from, "oci:other"])).stderr
    .trimEnd()
    .split("\n")
    .map((line) => z.object({ type: z.string() }).parse(JSON.parse(line)).type);
  expect(new Set(events)).toEqual(new Set(["write-start", "blob-start", "blob-done", "write-done"]));
});

test("what a registry refuses is told once, with what to do next", async () => {
  await using registry = await startRegistry();
  await using work = await workspace();
  await put(registry, "acme/app:1");
  const cases = [
    [["digest", `${registry.host}/acme/app:9`], 1, `${registry.host}/acme/app`],
    [["pull", `${registry.host}/acme/none:1`], 1, "acme/none"],
    [["digest", "127.0.0.1:1/acme/app:1"], 1, "127.0.0.1:1"],
    [["tags", `${registry.host}/acme/app:1`], 2, `lading tags`.slice(0, 0)],
    [["push", "oci:gone", `${registry.host}/acme/app:1`], 1, "oci-layout"],
    [["copy", `${registry.host}/acme/app:1`], 2, "without all its arguments"],
    [["delete", "oci:layout"], 2, "expected a reference"],
  ] as const;
  for (const [args, status, message] of cases) {
    const result = await work.lading(args);
    expect({ args, status: result.status, stdout: result.stdout }).toEqual({ args, status, stdout: "" });
    expect(result.stderr).toContain(message);
    const lines = result.stderr.split("\n").filter((line) => line.length > 0);
    expect(new Set(lines).size).toBe(lines.length);
  }
});

test("what build pushes can be read back, byte for byte", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const name = `${registry.host}/acme/site:1`;
  const built = await run(work, "build", "-q", "--add", "index.html:/", "-t", name, "--push");
  await using client = await RegistryClient.open();
  const repository = client.repository(parseReference(name));
  const descriptor = await repository.resolve("1");
  expect(descriptor.digest).toBe(built);
  expect((await readBlob(repository.blob(descriptor))).byteLength).toBe(descriptor.size);
});

test("a second name is told as such, for what is there, and a bare tag of a layout is no name to push to", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const name = `${registry.host}/acme/site`;
  const built = await twoPlatforms(work, `${name}:1`);
  await run(work, "copy", "oci:layout", "oci:layout:v1");
  expect(await run(work, "push", "oci:layout")).toBe(built);
  expect((await work.lading(["push", "oci:layout", name])).stderr).toBe(
    `tagged ${name}:latest: all of it was there before\n`,
  );
  await run(work, "pull", "--all-platforms", `${name}:1`, "oci:other:1");
  const again = ["pull", "--all-platforms", `${name}:1`, "oci:other:2"];
  expect((await work.lading(again)).stderr).toBe("tagged oci:other:2: all of it was there before\n");
  expect((await work.lading(again)).stderr).toBe("oci:other:2 is up to date\n");
});

test("an archive that was pulled is not pulled again", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  const image = await put(registry, "acme/app:1");
  const pull = ["pull", `${registry.host}/acme/app:1`];
  expect(await run(work, ...pull)).toBe(image.descriptor.digest);
  const before = registry.requests.length;
  const again = await work.lading(pull);
  expect(again).toMatchObject({ status: 0, stdout: `${image.descriptor.digest}\n` });
  expect(again.stderr).toBe("oci-archive:app.tar is up to date\n");
  expect(asked(registry, before)).toEqual(["HEAD manifest"]);
});

test("what does not fit into a docker-archive is said before it is fetched", async () => {
  await using registry = await startRegistry();
  await using work = await workspace(site);
  await put(registry, "acme/app:1", { platforms: ["linux/amd64", "linux/arm64"] });
  const before = registry.requests.length;
  const { status, stderr } = await work.lading(["copy", `${registry.host}/acme/app:1`, "docker-archive:app.tar"]);
  expect(status).toBe(1);
  expect(stderr).toContain("Cannot write a docker-archive of 2 platforms: linux/amd64, linux/arm64\n");
  expect(asked(registry, before)).toEqual(["HEAD manifest", "GET manifest"]);
});

test("a registry that asks for patience is seen to be waited for, also before the work begins", async () => {
  const busy = {
    applies: ({ operation }: { operation: string }) => operation === "manifest",
    times: 1,
    inject: async ({ raw }: { raw: { response: ServerResponse } }) => {
      raw.response.writeHead(429, { "retry-after": "1" }).end();
    },
  };
  await using registry = await startRegistry({ faults: [busy] });
  await using work = await workspace(site);
  const { stderr } = await work.lading(["digest", `${registry.host}/acme/none:1`]);
  expect(stderr).toMatch(/^127\.0\.0\.1:\d+ asks to wait 1\.00 s \(try 2 of 6\): HEAD .*: 429 Too Many Requests$/m);
});
