import { once } from "node:events";
import { createServer } from "node:http";
import { copy, type Descriptor, digestOf, jsonBytes, MemoryStore, mediaTypes, readBlob } from "@lading/oci";
import { randomImage, type RandomImage, storeSuite, validateImage } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { Repository, type RepositoryOptions } from "./repository.ts";
import { answer, blobOf, failing, type Intercept, type Served, servedRepository } from "./repository/served.suite.ts";

storeSuite(
  "Repository",
  async () => {
    const served = await servedRepository();
    return { store: served.repository, [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
  },
  { writes: false },
);

type Request = Parameters<Intercept>[0];
const isManifest =
  (...methods: readonly string[]) =>
  ({ operation, method }: Request): boolean =>
    operation === "manifest" && methods.includes(method);

/** A registry with one image, tagged v1. */
async function withImage(intercept?: Intercept): Promise<Served & { readonly image: RandomImage }> {
  const image = await randomImage();
  const served = await servedRepository(intercept);
  // Not through the faults: those are for the test.
  await copy(image.source, served.registry.store, image.descriptor);
  await served.registry.store.tag(image.descriptor, `${served.registry.host}/acme/app:v1`);
  return { ...served, image };
}

const withCharset: Intercept = async (_request, { response }, next) => {
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (status: number, headers?: unknown) => {
    const given = typeof headers === "object" && headers !== null ? headers : {};
    return writeHead(status, { ...given, "content-type": `${mediaTypes.ociManifest}; charset=utf-8` });
  };
  await next();
};

describe("resolve", () => {
  test("is one HEAD, and the GET that follows is the only one", async () => {
    await using served = await withImage();
    const descriptor = await served.repository.resolve("v1");
    expect(descriptor).toEqual(served.image.descriptor);
    expect(served.asked()).toEqual(["HEAD manifest"]);
    await readBlob(served.repository.blob(descriptor));
    await readBlob(served.repository.blob(descriptor));
    expect(served.asked()).toEqual(["GET manifest"]);
  });

  test.each([
    ["HEAD is answered with 405", answer(405)],
    ["HEAD is answered with 403", answer(403)],
    ["HEAD tells no digest", answer(200, { "content-type": mediaTypes.ociManifest, "content-length": "500" })],
    ["HEAD tells no type", answer(200, { "docker-content-digest": digestOf("x"), "content-length": "500" })],
    [
      "HEAD tells no length",
      answer(200, { "docker-content-digest": digestOf("x"), "content-type": mediaTypes.ociManifest }),
    ],
  ])("reads the manifest when %s, and reads it once", async (_what, reply) => {
    await using served = await withImage(failing(isManifest("HEAD"), reply));
    const descriptor = await served.repository.resolve("v1");
    expect(descriptor).toEqual(served.image.descriptor);
    await readBlob(served.repository.blob(descriptor));
    expect(served.asked()).toEqual(["HEAD manifest", "GET manifest"]);
  });

  test("takes a Content-Type with parameters", async () => {
    await using served = await withImage(failing(isManifest("HEAD"), withCharset));
    expect((await served.repository.resolve("v1")).mediaType).toBe(mediaTypes.ociManifest);
  });

  test("refuses another digest than it asked for", async () => {
    const headers = {
      "content-type": mediaTypes.ociManifest,
      "docker-content-digest": digestOf("other"),
      "content-length": "500",
    };
    await using served = await withImage(failing(isManifest("HEAD"), answer(200, headers)));
    await expect(served.repository.resolve(digestOf("asked"))).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  });

  test("refuses a manifest that is not what its digest says, also when the header says so", async () => {
    const wanted = digestOf("asked");
    const other = jsonBytes({ schemaVersion: 2, manifests: [] });
    const headers = { "content-type": mediaTypes.ociIndex, "docker-content-digest": wanted };
    await using served = await withImage(failing(isManifest("GET", "HEAD"), answer(200, headers, other)));
    const descriptor: Descriptor = { mediaType: mediaTypes.ociIndex, digest: wanted, size: other.byteLength };
    await expect(readBlob(served.repository.blob(descriptor))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(served.asked()).toEqual(["GET manifest", "GET manifest"]);
  });

  test("reads a manifest that arrived wrong once more", async () => {
    await using served = await withImage(failing(isManifest("GET"), answer(200, {}, "{}"), 1));
    await validateImage(served.repository, await served.repository.resolve("v1"));
  });

  const manifest = {
    schemaVersion: 2,
    config: blobOf(Buffer.from("{}")).descriptor,
    layers: [blobOf(Buffer.from("x")).descriptor],
  };

  test.each([
    [
      "is an index by its Content-Type and a manifest by itself",
      mediaTypes.ociIndex,
      { ...manifest, mediaType: mediaTypes.ociManifest },
    ],
    [
      "is a manifest by its Content-Type and an index by itself",
      mediaTypes.ociManifest,
      { schemaVersion: 2, manifests: [] },
    ],
    ["is both", mediaTypes.ociManifest, { ...manifest, manifests: [] }],
    ["is neither", "text/plain", { hello: "world" }],
    ["is a web page", "text/html", "<html>"],
  ])("refuses a document that %s (CVE-2021-41190)", async (_what, type, body) => {
    const bytes = typeof body === "string" ? Buffer.from(body) : jsonBytes(body);
    const replies = failing(isManifest("GET"), answer(200, { "content-type": type }, bytes));
    const noHead = failing(isManifest("HEAD"), answer(405));
    await using served = await withImage((request, raw, next) =>
      noHead(request, raw, () => replies(request, raw, next)),
    );
    await expect(served.repository.resolve("v1")).rejects.toThrow(/Cannot read/);
  });

  test("refuses a document whose Content-Type is not its descriptor's", async () => {
    const bytes = jsonBytes(manifest);
    await using served = await withImage(
      failing(isManifest("GET"), answer(200, { "content-type": mediaTypes.dockerManifest }, bytes)),
    );
    const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.byteLength };
    await expect(readBlob(served.repository.blob(descriptor))).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  });

  test.each(["application/vnd.docker.distribution.manifest.v1+prettyjws", "application/json"])(
    "says that it is schema 1 when a manifest is, of type %s",
    async (type) => {
      const body = jsonBytes({ schemaVersion: 1, name: "acme/app", fsLayers: [] });
      await using served = await withImage(
        failing(isManifest("HEAD", "GET"), answer(200, { "content-type": type }, body)),
      );
      await expect(served.repository.resolve("v1")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    },
  );

  test("reads no more than a manifest may have", async () => {
    const long = answer(200, { "content-type": mediaTypes.ociManifest }, Buffer.alloc(5 * 1024 * 1024, " "));
    await using served = await withImage(failing(isManifest("GET"), long));
    const noDigest = failing(isManifest("HEAD"), answer(405));
    await using other = await withImage((request, raw, next) =>
      noDigest(request, raw, () => failing(isManifest("GET"), long)(request, raw, next)),
    );
    await expect(other.repository.resolve("v1")).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    await expect(readBlob(served.repository.blob(served.image.descriptor))).rejects.toMatchObject({
      code: "INVALID_RESPONSE",
    });
  });

  test('takes "" for latest', async () => {
    await using served = await withImage();
    await served.registry.store.tag(served.image.descriptor, `${served.registry.host}/acme/app:latest`);
    expect(await served.repository.resolve("")).toEqual(served.image.descriptor);
  });

  test.each([
    "../../x",
    "a/b",
    "v1\r\nX: y",
    "%2e%2e",
    "sha256:../../x",
    `sha256:${"A".repeat(64)}`,
    "sha1:abc",
    "x".repeat(129),
  ])("lets no %j into a URL", async (name) => {
    await using served = await withImage();
    await expect(served.repository.resolve(name)).rejects.toThrow(SyntaxError);
    await expect(served.repository.delete(name)).rejects.toThrow(SyntaxError);
    await expect(served.repository.tag(served.image.descriptor, name)).rejects.toThrow(SyntaxError);
    expect(served.asked()).toEqual([]);
  });
});

function remoteOf(served: Served): RepositoryOptions["primary"] {
  const { host } = served.registry;
  const base = new URL(`https://${host}/`);
  const endpoint = { registry: host, base, repository: "acme/app", plainHttp: "only", verifyTls: true } as const;
  return { host: served.client.host(endpoint), repository: "acme/app" };
}

function mirrored(mirror: Served, primary: Served): Repository {
  const name = { registry: primary.registry.host, repository: "acme/app" };
  return new Repository({ name, primary: remoteOf(primary), mirrors: [remoteOf(mirror)] });
}

const isIndexPut = (request: Request): boolean =>
  isManifest("PUT")(request) && request.headers["content-type"] === mediaTypes.ociIndex;
const putIndex = async (served: Served): Promise<void> => {
  const { source, descriptor } = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  await copy(source, served.repository, descriptor);
};

describe("an index whose manifests the registry does not see", () => {
  const unseen = answer(
    400,
    { "content-type": "application/json" },
    JSON.stringify({ errors: [{ code: "MANIFEST_BLOB_UNKNOWN", message: "blob unknown to registry" }] }),
  );
  test("for a moment is stored all the same", async () => {
    await using served = await servedRepository(failing(isIndexPut, unseen, 2));
    await putIndex(served);
    expect(served.asked().filter((one) => one === "PUT manifest")).toHaveLength(5);
  });

  test("at all is refused with the registry's words", async () => {
    await using served = await servedRepository(failing(isIndexPut, unseen));
    await expect(putIndex(served)).rejects.toThrow("MANIFEST_BLOB_UNKNOWN: blob unknown to registry");
    expect(served.asked().filter((one) => one === "PUT manifest")).toHaveLength(5);
  });
});

describe("a mirror", () => {
  test("is read from first, and never written to", async () => {
    await using mirror = await withImage();
    await using primary = await servedRepository();
    const repository = mirrored(mirror, primary);
    await validateImage(repository, await repository.resolve("v1"));
    expect(primary.asked()).toEqual([]);
    mirror.asked();
    await copy(mirror.image.source, repository, mirror.image.descriptor);
    await repository.tag(mirror.image.descriptor, "v2");
    expect(mirror.asked()).toEqual([]);
  });

  test.each([404, 500, 401, 403])("that answers %i is passed over", async (status) => {
    await using mirror = await servedRepository(answer(status));
    await using primary = await withImage();
    const repository = mirrored(mirror, primary);
    await validateImage(repository, await repository.resolve("v1"));
  });

  test("that sends wrong bytes is not asked for them again", async () => {
    await using primary = await withImage();
    const wrong = failing(({ operation }) => operation === "blob", answer(200, {}, "wrong"));
    await using mirror = await servedRepository(wrong);
    await copy(primary.image.source, mirror.registry.store, primary.image.descriptor);
    await mirror.registry.store.tag(primary.image.descriptor, `${mirror.registry.host}/acme/app:v1`);
    const store = new MemoryStore();
    const repository = mirrored(mirror, primary);
    await copy(repository, store, await repository.resolve("v1"));
    await validateImage(store, primary.image.descriptor);
  });
});

test("an index counts as there when its manifests are", async () => {
  const image = await randomImage({ platforms: ["linux/amd64", "linux/arm64"] });
  await using served = await servedRepository();
  await copy(image.source, served.repository, image.descriptor);
  expect(await served.repository.has(image.descriptor)).toBe(true);
  const [child] = image.images;
  await served.repository.delete(child?.descriptor.digest ?? "");
  expect(await served.repository.has(image.descriptor)).toBe(false);
  await copy(image.source, served.repository, image.descriptor);
  await validateImage(served.repository, image.descriptor);
});

test("what was pushed is tagged without being read", async () => {
  await using served = await servedRepository();
  const image = await randomImage();
  await copy(image.source, served.repository, image.descriptor);
  served.asked();
  await served.repository.tag(image.descriptor, "v1");
  expect(served.asked()).toEqual(["PUT manifest"]);
  await served.at("acme/app").tag(image.descriptor, "v2");
  expect((await served.repository.resolve("v2")).digest).toBe(image.descriptor.digest);
});

test("a manifest that is refused is refused in the registry's words", async () => {
  const body = JSON.stringify({ errors: [{ code: "MANIFEST_INVALID", message: "no layers like these" }] });
  await using served = await servedRepository(failing(isManifest("PUT"), answer(400, {}, body)));
  const image = await randomImage();
  await expect(copy(image.source, served.repository, image.descriptor)).rejects.toThrow(/no layers like these/);
});

describe("delete", () => {
  test("takes away the tag it is given, and the manifest when it is asked to", async () => {
    await using served = await withImage();
    const { repository, image } = served;
    await repository.tag(image.descriptor, "v2");
    await repository.delete("v1");
    await expect(repository.resolve("v1")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await repository.resolve("v2")).digest).toBe(image.descriptor.digest);
    await repository.delete("v2", { manifest: true });
    await expect(repository.resolve(image.descriptor.digest)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(repository.delete("v2")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test.each([
    ["v1", 400, /deletes no tags/],
    ["v1", 405, /deletes no tags/],
    [digestOf("x"), 405, /does not delete/],
  ])("of %s says what can be done when the registry answers %i", async (name, status, message) => {
    await using served = await withImage(failing(isManifest("DELETE"), answer(status)));
    const deleting = served.repository.delete(name);
    await expect(deleting).rejects.toMatchObject({ code: "UNSUPPORTED", hint: expect.stringMatching(/./) });
    await expect(deleting).rejects.toThrow(message);
  });
});

test("Repository.at opens a client of its own", async () => {
  await using served = await withImage();
  await using repository = await Repository.at(`${served.registry.host}/acme/app`);
  await validateImage(repository, await repository.resolve("v1"));
});

test("a host that is no registry is told from one", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>Hello</html>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  await using repository = await Repository.at(`127.0.0.1:${port}/acme/app`);
  await expect(repository.resolve("v1")).rejects.toMatchObject({ code: "INVALID_RESPONSE", hint: expect.any(String) });
  server.close();
  server.closeAllConnections();
});
