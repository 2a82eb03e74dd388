import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, connect, type Socket } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import {
  copy,
  type Descriptor,
  digestOf,
  encodeTarHeader,
  extractImage,
  LayoutStore,
  mediaTypes,
  MemoryStore,
  openImage,
  openLayer,
  readBlob,
  tarTrailerSize,
  writeImage,
} from "@lading/oci";
import { randomImage, startRegistry, temporaryFolder } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import type { Keychain } from "./auth/credential.ts";
import { RegistryClient, type RegistryClientOptions } from "./client.ts";
import { defaultKeychain } from "./credentials/keychain.ts";
import { loadHostConfig } from "./hosts/load-host-config.ts";
import { startPublicRegistry } from "./public-registry.suite.ts";
import { blobOf } from "./repository/served.suite.ts";
import { makeCertificate } from "./transport/certificate.suite.ts";
import { listen, noCredentials, openHost, password, plainConfig, startServer } from "./transport/server.suite.ts";

/*
 * What went wrong in other clients of registries, one test for each advisory, from Repository to the
 * wire: the registry, or who stands beside it, does what the advisory is about.
 */

const secret = "correct-horse";
const anna = password("anna", secret);
const basic = `Basic ${Buffer.from(`anna:${secret}`).toString("base64")}`;

async function openClient(options: RegistryClientOptions = {}): Promise<RegistryClient> {
  const nowhere = { env: {}, home: "/nowhere", systemFolders: { containers: "/nowhere", docker: "/nowhere" } };
  return await RegistryClient.open({
    hostConfig: await loadHostConfig(nowhere),
    keychain: anna,
    retries: { sleep: () => Promise.resolve() },
    ...options,
  });
}

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Asks everybody for a password, and answers who has given it. */
function guarded(answer: Answer): Answer {
  return (request, response) => {
    request.resume();
    if (request.headers.authorization !== undefined) return answer(request, response);
    return response.writeHead(401, { "www-authenticate": 'Basic realm="a"' }).end();
  };
}

function document(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

/** Answers every request with one document. */
function serving(value: unknown, headers: Record<string, string> = {}): Answer {
  const bytes = document(value);
  return (request, response) =>
    response
      .writeHead(200, { "content-type": mediaTypes.ociManifest, "content-length": bytes.byteLength, ...headers })
      .end(request.method === "HEAD" ? undefined : bytes);
}

const some: Descriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(Buffer.from("some")), size: 4 };
const configOf = { ...some, mediaType: mediaTypes.ociConfig };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: configOf, layers: [some] };

const headersOf = (server: { requests: readonly { headers: IncomingMessage["headers"] }[] }) =>
  server.requests.map(({ headers }) => headers.authorization);

test("CVE-2020-15157: the host of a foreign layer gets no credentials, whatever it asks for", async () => {
  await using foreign = await startServer((_, response) =>
    response.writeHead(401, { "www-authenticate": `Bearer realm="${foreign.url.href}token",service="x"` }).end(),
  );
  await using registry = await startRegistry({ auth: { type: "basic", check: () => true } });
  await using client = await openClient();
  const layer = { ...some, urls: [`${foreign.url.href}layer`] };
  const reading = readBlob(client.repository(`${registry.host}/acme/app`).blob(layer));
  await expect(reading).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(registry.requests.map(({ headers }) => headers.authorization)).toContain(basic);
  expect(foreign.requests.map(({ url }) => url)).toEqual(["/layer"]);
  expect(headersOf(foreign)).toEqual([undefined]);
});

describe("CVE-2021-41190, GHSA-77vh-xpmg-72qh: a document that is two things is none", () => {
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
  test.each([
    ["a manifest that is called an index", manifest, mediaTypes.ociIndex],
    ["an index that is called a manifest", index, mediaTypes.ociManifest],
    ["a manifest with manifests", { ...manifest, manifests: [] }, mediaTypes.ociManifest],
    ["an index with layers", { ...index, layers: [] }, mediaTypes.ociIndex],
    ["an index with a config", { ...index, config: configOf }, mediaTypes.ociIndex],
    ["both, of a type that is not told", { ...manifest, mediaType: undefined, manifests: [] }, "application/json"],
  ])("%s", async (_, value, type) => {
    await using server = await startServer(serving(value, { "content-type": type }));
    await using client = await openClient();
    const repository = client.repository(`${server.host}/acme/app`);
    const opening = repository.resolve("v1").then((descriptor) => openImage(repository, descriptor));
    await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/^INVALID_/) });
  });
});

describe("CVE-2024-3727: a digest is one before it comes into a URL", () => {
  const hex = "a".repeat(64);
  const wrong = [
    "sha256:../../x",
    `sha256:${hex.toUpperCase()}`,
    "sha256:abc",
    `sha256:${hex}a`,
    `md5:${"a".repeat(32)}`,
    `sha256:${hex.slice(0, 61)}%2e`,
    "sha256:%2e%2e",
    `sha256:${hex}\n`,
  ];
  test.each(wrong)("%j", async (text) => {
    const bad: Descriptor = { ...some };
    Reflect.set(bad, "digest", text);
    const positions = [
      { ...manifest, config: { ...configOf, digest: text } },
      { ...manifest, layers: [bad] },
      { ...manifest, subject: { ...some, mediaType: mediaTypes.ociManifest, digest: text } },
    ];
    for (const value of positions) {
      await using server = await startServer(serving(value));
      await using client = await openClient();
      const repository = client.repository(`${server.host}/acme/app`);
      const opening = repository.resolve("v1").then((descriptor) => openImage(repository, descriptor));
      await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/^(?:INVALID_|UNSUPPORTED)/) });
      // The probe, and the document itself.
      for (const { url } of server.requests)
        expect(url).toMatch(/^\/v2\/(?:acme\/app\/manifests\/(?:v1|sha256:[0-9a-f]{64}))?$/);
    }

    await using server = await startServer(serving(manifest, { "docker-content-digest": text.replace("\n", "/") }));
    await using client = await openClient();
    const repository = client.repository(`${server.host}/acme/app`);
    // Given as a header it says nothing.
    expect((await repository.resolve("v1")).digest).toBe(digestOf(document(manifest)));
    const before = server.requests.length;
    const refused = { name: "SyntaxError" };
    await expect(repository.resolve(text)).rejects.toMatchObject(refused);
    await expect(repository.has(bad)).rejects.toMatchObject(refused);
    await expect(readBlob(repository.blob(bad))).rejects.toThrow();
    await expect(
      repository.push({ descriptor: bad, open: () => blobOf(Buffer.from("some")).open() }),
    ).rejects.toThrow();
    await expect(repository.referrers(bad)).rejects.toMatchObject(refused);
    await expect(repository.delete(text)).rejects.toMatchObject(refused);
    expect(server.requests.slice(before)).toEqual([]);
  });
});

/** An answer whose body goes on for as long as somebody reads it. */
const endless: (headers: Record<string, string>, status?: number) => Answer & { sent(): number } = (
  headers,
  status = 200,
) => {
  let sent = 0;
  const piece = Buffer.alloc(256 * 1024, " ");
  const answer: Answer = (request, response) => {
    response.writeHead(status, headers);
    const more = (): void => {
      while (!response.destroyed) {
        sent += piece.byteLength;
        if (!response.write(piece)) return;
      }
    };
    response.on("drain", more);
    if (request.method === "HEAD") response.end();
    else more();
  };
  return Object.assign(answer, { sent: () => sent });
};
describe("CVE-2020-1702: an answer without end is not read to it", () => {
  const mebibyte = 1024 * 1024;

  test.each([
    ["a manifest", mediaTypes.ociManifest, 4],
    ["a list of tags", "application/json", 32],
    ["referrers", mediaTypes.ociIndex, 32],
  ])("%s", async (what, type, limit) => {
    const answer = endless({ "content-type": type });
    await using server = await startServer(answer);
    await using client = await openClient();
    const repository = client.repository(`${server.host}/acme/app`);
    const before = process.memoryUsage().rss;
    const reading =
      what === "a manifest"
        ? repository.resolve("v1")
        : what === "referrers"
          ? repository.referrers(some)
          : repository.tags()[Symbol.asyncIterator]().next();
    await expect(reading).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    // What is on its way in buffers is not read.
    expect(answer.sent()).toBeLessThan((limit + 16) * mebibyte);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * mebibyte);
  });

  test("an error", async () => {
    const answer = endless({ "content-type": "text/plain" }, 400);
    await using server = await startServer(answer);
    await using client = await openClient();
    const deletion = client.repository(`${server.host}/acme/app`).delete(some.digest);
    await expect(deletion).rejects.toMatchObject({ code: "REFUSED" });
    expect(answer.sent()).toBeLessThan(16 * mebibyte);
  });

  test("a token", async () => {
    const answer = endless({ "content-type": "application/json" });
    await using server = await startServer((request, response) =>
      request.url?.startsWith("/token") === true
        ? answer(request, response)
        : response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url.href}token"` }).end(),
    );
    await using client = await openClient();
    const resolving = client.repository(`${server.host}/acme/app`).resolve("v1");
    await expect(resolving).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    expect(answer.sent()).toBeLessThan(16 * mebibyte);
  });
});

test("CVE-2023-25153: a layout's index and documents are not read whatever their length", async () => {
  await using folder = await temporaryFolder();
  const store = await LayoutStore.create(join(folder.path, "layout"));
  const image = await randomImage();
  for (const { descriptor } of image.images) await store.push(image.source.blob(descriptor));
  await store.tag(image.descriptor, "v1");
  const bomb = async (path: string): Promise<void> => {
    await writeFile(join(folder.path, "layout", path), "{");
    await truncate(join(folder.path, "layout", path), 2 ** 32);
  };
  const manifestPath = `blobs/sha256/${image.descriptor.digest.slice(7)}`;
  await bomb(manifestPath);
  const reopened = await LayoutStore.open(join(folder.path, "layout"));
  await expect(openImage(reopened, image.descriptor)).rejects.toMatchObject({ name: "OciError" });
  await bomb("index.json");
  const resolving = LayoutStore.open(join(folder.path, "layout")).then((layout) => layout.resolve("v1"));
  await expect(resolving).rejects.toMatchObject({ name: "OciError" });
});

test("GHSA-qv35-3gw6-8q4j: what comes for a digest has it, whatever the registry says", async () => {
  const pinned = digestOf(Buffer.from("what was meant"));
  await using server = await startServer(serving(manifest, { "docker-content-digest": pinned }));
  await using client = await openClient();
  const repository = client.repository(`${server.host}/acme/app`);
  const descriptor = await repository.resolve(pinned);
  await expect(openImage(repository, descriptor)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  // By tag as well, where there is only the GET.
  await using lying = await startServer((request, response) =>
    request.method === "HEAD"
      ? response.writeHead(405).end()
      : serving(manifest, { "docker-content-digest": pinned })(request, response),
  );
  const other = client.repository(`${lying.host}/acme/app`);
  await expect(other.resolve("v1")).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  await expect(other.resolve(pinned)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
});

test.each(["another port", "another name of the same machine", "another scheme"])(
  "GHSA-qvqc-4c52-x6qp: a redirect to %s takes no credentials along",
  async (where) => {
    const certificate = makeCertificate("127.0.0.1");
    const blob = Buffer.from("some");
    const plain: Answer = (_, response) => response.end(blob);
    await using elsewhere = await startServer(plain, where === "another scheme" ? certificate : undefined);
    const target = new URL(`layer`, elsewhere.url);
    if (where === "another name of the same machine") target.hostname = "localhost";
    await using server = await startServer(
      guarded((_, response) => response.writeHead(307, { location: target.href }).end()),
    );
    await using at = await openHost(server.host, {
      keychain: anna,
      hostConfig: plainConfig({ tls: () => Promise.resolve({ ca: [certificate.cert] }) }),
    });
    const response = await at.host.send({ method: "GET", url: "v2/acme/app/blobs/x", scopes: [] });
    expect(Buffer.from(await response.read(10))).toEqual(blob);
    expect(headersOf(server)).toEqual([undefined, basic]);
    expect(headersOf(elsewhere)).toEqual([undefined]);
  },
);

describe("CVE-2026-48978, GHSA-28r5-37g7-p6mp: a realm inside the network, or without TLS, is not asked", () => {
  test.each([
    "https://127.0.0.1:PORT/token",
    "http://127.0.0.1:PORT/token",
    "https://2130706433:PORT/token",
    "https://[::ffff:127.0.0.1]:PORT/token",
    "https://localhost:PORT/token",
    "https://inside.test:PORT/token",
    "https://169.254.169.254/latest/meta-data",
    "http://registry.example/token",
    "http://auth.example/token",
    "https://anna:word@auth.example/token",
  ])("%s", async (realm) => {
    await using inside = await startServer((_, response) => response.end('{"token":"t"}'));
    const challenge = `Bearer realm="${realm.replace("PORT", inside.url.port)}",service="x"`;
    await using at = await startPublicRegistry(
      (_, response) => response.writeHead(401, { "www-authenticate": challenge }).end(),
      anna,
      { "inside.test": "127.0.0.1" },
    );
    await expect(at.repository().resolve("v1")).rejects.toMatchObject({ code: "UNSAFE_URL" });
    expect(inside.connections()).toBe(0);
    expect(headersOf(at.server).filter((header) => header !== undefined)).toEqual([]);
  });
});

test("CVE-2026-50151: an upload that goes on at another host does so without credentials", async () => {
  const bytes = Buffer.from("a layer");
  await using other = await startServer((request, response) => {
    request.resume();
    response.writeHead(201).end();
  });
  await using server = await startServer(
    guarded((request, response) =>
      request.method === "POST"
        ? response.writeHead(202, { location: `${other.url.href}upload?state=1` }).end()
        : response.writeHead(404).end(),
    ),
  );
  await using client = await openClient();
  await client.repository(`${server.host}/acme/app`).push(blobOf(bytes));
  expect(headersOf(server)).toContain(basic);
  expect(other.requests.map(({ method }) => method)).toEqual(["PUT"]);
  expect(headersOf(other)).toEqual([undefined]);
});

test.each(["GET", "PUT", "PATCH", "POST", "DELETE"] as const)(
  "GHSA-vh4v-2xq2-g5cg: another port of the same host is another origin, for a %s and its token",
  async (method) => {
    await using other = await startServer((request, response) => {
      request.resume();
      response.end("{}");
    });
    await using server = await startServer((request, response) => {
      request.resume();
      if (request.url?.startsWith("/token") === true) return response.end('{"token":"t0ken"}');
      if (request.headers.authorization === undefined)
        return response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url.href}token"` }).end();
      return response.writeHead(307, { location: `${other.url.href}elsewhere` }).end();
    });
    await using at = await openHost(server.host, { keychain: anna });
    const scopes = [{ repository: "acme/app", actions: ["pull"] }] as const;
    await (await at.host.send({ method, url: "v2/acme/app/x", scopes })).discard();
    expect(headersOf(server)).toContain("Bearer t0ken");
    expect(headersOf(other)).toEqual([undefined]);
  },
);

describe("GHSA-h7vf-4x9w-h99v: the next page of a list", () => {
  test.each(["tags", "referrers"])("is not fetched from another origin: %s", async (list) => {
    await using evil = await startServer((_, response) => response.end('{"tags":[]}'));
    const [type, page] =
      list === "tags"
        ? ["application/json", { tags: ["v1"] }]
        : [mediaTypes.ociIndex, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }];
    const headers = { "content-type": type, link: `<${evil.url.href}v2/acme/app/x?last=a>; rel="next"` };
    await using server = await startServer(guarded(serving(page, headers)));
    await using client = await openClient();
    const repository = client.repository(`${server.host}/acme/app`);
    const reading = list === "tags" ? Array.fromAsync(repository.tags()) : repository.referrers(some);
    await expect(reading).rejects.toMatchObject({ code: "UNSAFE_URL" });
    expect(evil.connections()).toBe(0);
  });

  test("is not one that was read before", async () => {
    let page = 0;
    await using server = await startServer((_, response) => {
      page += 1;
      response.writeHead(200, { link: `</v2/acme/app/tags/list?last=${page % 3}>; rel="next"` });
      response.end(JSON.stringify({ tags: [`v${page}`] }));
    });
    await using client = await openClient();
    const reading = Array.fromAsync(client.repository(`${server.host}/acme/app`).tags());
    await expect(reading).rejects.toMatchObject({ message: expect.stringContaining("circle") });
    expect(server.requests.length).toBeLessThan(10);
  });
});

describe("GHSA-f36w-mj3v-6jqv: a size is not believed", () => {
  test.each([2 ** 53, -1, 1.5, "4", null, 1e300])("%j is none", async (size) => {
    for (const value of [
      { ...manifest, layers: [{ ...some, size }] },
      { ...manifest, config: { ...configOf, size } },
    ]) {
      await using server = await startServer(serving(value));
      await using client = await openClient();
      const repository = client.repository(`${server.host}/acme/app`);
      const opening = repository.resolve("v1").then((descriptor) => openImage(repository, descriptor));
      await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/^INVALID_/) });
    }
  });

  test.each([mediaTypes.ociLayer, mediaTypes.ociManifest])(
    "nothing is allocated for what is claimed: %s",
    async (mediaType) => {
      await using server = await startServer(serving("some", { "content-type": mediaType }));
      await using client = await openClient();
      const before = process.memoryUsage().arrayBuffers;
      const claimed = { ...some, mediaType, size: 2 ** 40 };
      const reading = (async () => {
        for await (const chunk of client.repository(`${server.host}/acme/app`).blob(claimed).open())
          expect(chunk.byteLength).toBeLessThan(1024);
      })();
      await expect(reading).rejects.toThrow();
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    },
  );
});

describe("GHSA-m37j-52j7-pjw7, GHSA-8xwf-rjm4-xvhv, CVE-2026-50163: nothing is unpacked outside of the folder", () => {
  type Input = Pick<Parameters<typeof encodeTarHeader>[0], "path" | "type" | "linkname">;
  const entry = (input: Input, content = ""): Uint8Array =>
    Buffer.concat([
      encodeTarHeader({ mode: 0o644, uid: 0, gid: 0, mtime: 0, ...input, size: content.length }),
      Buffer.from(content),
      Buffer.alloc((512 - (content.length % 512)) % 512),
    ]);

  test.each([
    ["a path", [entry({ path: "../evil", type: "file" }, "evil")]],
    ["an absolute path", [entry({ path: "/../../evil", type: "file" }, "evil")]],
    [
      "a link and what is below it",
      [entry({ path: "out", type: "symlink", linkname: ".." }), entry({ path: "out/evil", type: "file" }, "evil")],
    ],
    ["a hard link", [entry({ path: "evil", type: "hardlink", linkname: "../kept" })]],
    [
      "a hard link through a link",
      [
        entry({ path: "out", type: "symlink", linkname: ".." }),
        entry({ path: "evil", type: "hardlink", linkname: "out/kept" }),
        entry({ path: "evil", type: "file" }, "evil"),
      ],
    ],
  ])("%s", async (_, entries) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "kept"), "kept");
    await using registry = await startRegistry();
    await using client = await openClient({ keychain: noCredentials });
    const repository = client.repository(`${registry.host}/acme/app`);
    const tar = Buffer.concat([...entries, Buffer.alloc(tarTrailerSize)]);
    const source = new MemoryStore();
    const layer = await source.write(chunk(tar), mediaTypes.ociLayer);
    const config = { architecture: "amd64", os: "linux" };
    const titled = { ...source.blob(layer), diffId: digestOf(tar) };
    const image = await writeImage(source, { config, layers: [titled] });
    await copy(source, repository, image.descriptor);
    const target = join(folder.path, "target");
    // Refused, or kept inside: both are safe.
    await extractImage(await openImage(repository, image.descriptor), target).catch(() => undefined);
    expect((await readdir(folder.path)).filter((name) => name !== "target")).toEqual(["kept"]);
    expect(await readFile(join(folder.path, "kept"), "utf8")).toBe("kept");
    expect((await stat(join(folder.path, "kept"))).nlink).toBe(1);
  });
});

describe("ggcr #2193, #2440, jib #4523: what a public registry names is judged by its address", () => {
  const inwards = [
    "https://127.0.0.1:PORT/x",
    "https://[::ffff:127.0.0.1]:PORT/x",
    "https://0.0.0.0:PORT/x",
    "https://2130706433:PORT/x",
    "https://0x7f.1:PORT/x",
    "https://inside.test:PORT/x",
    "https://metadata.test/x",
    "https://mapped.test:PORT/x",
  ];
  const names = { "inside.test": "127.0.0.1", "metadata.test": "169.254.169.254", "mapped.test": "::ffff:127.0.0.1" };
  test.each(inwards)("a redirect, a Location, a token server's redirect and a foreign layer at %s", async (named) => {
    await using inside = await startServer((_, response) => response.end("some"));
    const url = named.replace("PORT", inside.url.port);
    const unsafe = { code: "UNSAFE_URL" };

    await using redirecting = await startPublicRegistry(
      guarded((_, response) => response.writeHead(307, { location: url }).end()),
      anna,
      names,
    );
    await expect(redirecting.repository().resolve("v1")).rejects.toMatchObject(unsafe);

    await using uploading = await startPublicRegistry(
      guarded(({ method }, response) => response.writeHead(method === "POST" ? 202 : 404, { location: url }).end()),
      anna,
      names,
    );
    const push = uploading.repository().push(blobOf(Buffer.from("some")));
    await expect(push).rejects.toMatchObject(unsafe);

    await using asking = await startPublicRegistry(
      (request, response) =>
        request.url?.startsWith("/token") === true
          ? response.writeHead(307, { location: url }).end()
          : response.writeHead(401, { "www-authenticate": 'Bearer realm="https://registry.example/token"' }).end(),
      anna,
      names,
    );
    await expect(asking.repository().resolve("v1")).rejects.toMatchObject(unsafe);

    await using missing = await startPublicRegistry((_, response) => response.writeHead(404).end(), anna, names);
    await expect(readBlob(missing.repository().blob({ ...some, urls: [url] }))).rejects.toMatchObject({
      code: "NOT_FOUND",
    });

    expect(inside.connections()).toBe(0);
  });
});

test("CVE-2026-33540, CVE-2026-24845, CVE-2026-33990: a mirror's token server gets none of the registry's credentials", async () => {
  await using evil = await startServer((_, response) => response.end('{"token":"t"}'));
  await using mirror = await startServer((request, response) =>
    request.headers.authorization === undefined
      ? response.writeHead(401, { "www-authenticate": `Bearer realm="${evil.url.href}token",service="registry"` }).end()
      : response.writeHead(404).end(),
  );
  await using registry = await startRegistry({ auth: { type: "token", check: (_, word) => word === secret } });
  await using client = await mirrored(registry.host, mirror.host);
  await expect(client.repository(`${registry.host}/acme/app`).resolve("v1")).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
  expect(registry.requests.map(({ headers }) => headers.authorization)).toContain(basic);
  expect(evil.requests.length).toBeGreaterThan(0);
  expect(headersOf(evil).filter((header) => header !== undefined)).toEqual([]);
  for (const { url } of evil.requests) expect(url).not.toContain("anna");
  expect(headersOf(mirror).filter((header) => header !== undefined && header !== "Bearer t")).toEqual([]);
});

describe("@sigstore/oci 0.7.1: credentials are for a registry whose whole name matches", () => {
  const hosts = ["gcr.io", "evil-gcr.io", "gcr.io.evil.example", "evil.gcr.io", "gcr.io.", "cr.io"];
  test.each([...hosts.slice(1), "gcr.io:8443"])("%s is not gcr.io", async (name) => {
    await using folder = await temporaryFolder();
    const authFile = join(folder.path, "auth.json");
    await writeFile(
      authFile,
      JSON.stringify({ auths: { "gcr.io": { auth: Buffer.from(`anna:${secret}`).toString("base64") } } }),
    );
    const keychain = defaultKeychain({ authFile, env: {} });
    const answer = guarded((_, response) => response.writeHead(404).end());
    await using at = await startPublicRegistry(answer, keychain, {}, hosts);
    const request = { method: "GET", url: "v2/a", scopes: [] } as const;
    await expect(at.host("gcr.io").send(request)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(headersOf(at.server)).toContain(basic);
    const before = at.server.requests.length;
    await expect(at.host(name).send(request)).rejects.toMatchObject({ name: "RegistryError" });
    for (const { headers } of at.server.requests.slice(before)) expect(headers.authorization).toBeUndefined();
  });
});

/** Runs with a registry that has its own certificate, and a SOCKS5 proxy before it. */
const through = async (run: (at: { host: string; ca: string; proxy: URL }) => Promise<void>): Promise<void> => {
  const certificate = makeCertificate("127.0.0.1");
  await using server = await startServer((_, response) => response.end("ok"), certificate);
  await using proxy = await startSocks();
  await run({ host: server.host, ca: certificate.cert, proxy: proxy.url });
  expect([...new Set(proxy.asked)]).toEqual([server.host]);
};
describe("undici CVE-2026-9697 and others: a registry's certificate is checked through a SOCKS5 proxy", () => {
  const request = { method: "GET", url: "v2/a", scopes: [] } as const;

  test.each(["socks5:", "socks5h:"])("%s", async (protocol) => {
    await through(async ({ host, ca, proxy }) => {
      const proxyFor = (): URL => new URL(proxy.href.replace(/^\w+:/, protocol));
      const tls = () => Promise.resolve({ ca: [ca] });
      await using at = await openHost(host, {
        endpoint: { plainHttp: "never" },
        hostConfig: plainConfig({ proxyFor, tls }),
      });
      expect(Buffer.from(await (await at.host.send(request)).read(10)).toString()).toBe("ok");
    });
    await through(async ({ host, proxy }) => {
      const proxyFor = (): URL => new URL(proxy.href.replace(/^\w+:/, protocol));
      await using at = await openHost(host, {
        endpoint: { plainHttp: "never" },
        hostConfig: plainConfig({ proxyFor }),
        retries: { attempts: 1 },
      });
      await expect(at.host.send(request)).rejects.toMatchObject({ code: "CERTIFICATE" });
    });
  });
});

test("GHCR's X-Ms-Copy-Source: neither signatures nor credentials nor headers are in lines and errors", async () => {
  await using cdn = await startServer((_, response) =>
    response.writeHead(500, { "x-ms-copy-source": "https://internal/?sig=s1gnature" }).end("Internal"),
  );
  const signed = `${cdn.url.href}blob?X-Amz-Signature=s1gnature&sig=s1gnature&_state=s1gnature&se=2026&X-Amz-Credential=s1gnature`;
  await using server = await startServer(
    guarded((_, response) => response.writeHead(307, { location: signed, "x-ms-copy-source": "s1gnature" }).end()),
  );
  const lines: string[] = [];
  await using client = await openClient({ onTrace: (line) => lines.push(line) });
  const failure = await client
    .repository(`${server.host}/acme/app`)
    .resolve("v1")
    .catch((error: unknown) => error);
  expect(cdn.requests[0]?.url).toContain("s1gnature");
  expect(lines.join("\n")).toContain("X-Amz-Signature=…");
  for (const text of [...lines, inspect(failure, { depth: 9 })])
    for (const word of ["s1gnature", secret, basic.slice(6)]) expect(text).not.toContain(word);
});

describe("decompression bombs", () => {
  const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024, " "));

  test("an answer that nobody asked to be encoded is decoded to its limit", async () => {
    await using server = await startServer((_, response) =>
      response.writeHead(200, { "content-type": mediaTypes.ociManifest, "content-encoding": "gzip" }).end(bomb),
    );
    await using client = await openClient();
    const repository = client.repository(`${server.host}/acme/app`);
    await expect(repository.resolve("v1")).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    await expect(Array.fromAsync(repository.tags())).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    for (const { headers } of server.requests) expect(headers["accept-encoding"]).toBe("identity");
  });

  test("a layer is expanded as far as its reader allows", async () => {
    await using server = await startServer(serving(bomb, {}));
    await using client = await openClient();
    const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(bomb), size: bomb.byteLength };
    const layer = client.repository(`${server.host}/acme/app`).blob(descriptor);
    const reading = Array.fromAsync(openLayer(layer, { maxBytes: 1e6 }), (part) => part.byteLength);
    await expect(reading).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });
});

test("token confusion: a token is for its repository, its registry and its user", async () => {
  const seen: string[] = [];
  await using tokens = await startServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", tokens.url);
    const user = searchParams.get("account") ?? "nobody";
    const token = `${user}/${searchParams.get("service")}/${searchParams.get("scope")}`.replaceAll(" ", "+");
    response.end(JSON.stringify({ token }));
  });
  const registry =
    (service: string): Answer =>
    (request, response) => {
      if (request.headers.authorization === undefined)
        return response
          .writeHead(401, { "www-authenticate": `Bearer realm="${tokens.url.href}",service="${service}"` })
          .end();
      seen.push(`${service} ${request.url?.split("/")[3]}: ${request.headers.authorization}`);
      return response.writeHead(404).end();
    };
  await using a = await startServer(registry("a"));
  await using b = await startServer(registry("b"));
  const keychain: Keychain = {
    find: (_, repository) =>
      Promise.resolve({
        credential: { type: "password", username: repository.endsWith("three") ? "bob" : "anna", password: "x" },
        from: "a test",
      }),
  };
  await using client = await openClient({ keychain });
  for (const name of [`${a.host}/acme/one`, `${a.host}/acme/two`, `${a.host}/acme/three`, `${b.host}/acme/one`])
    await expect(client.repository(name).resolve("v1")).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect([...new Set(seen)]).toEqual([
    "a one: Bearer anna/a/repository:acme/one:pull",
    "a two: Bearer anna/a/repository:acme/two:pull",
    "a three: Bearer bob/a/repository:acme/three:pull",
    "b one: Bearer anna/b/repository:acme/one:pull",
  ]);
});

describe("TLS downgrade", () => {
  test("https is not left for http by redirect, Location or next page, nor where TLS fails", async () => {
    await using plain = await startServer((_, response) => response.end("{}"));
    for (const location of [plain.url.href, "http://registry.example/v2/x", "http://cdn.example/x"]) {
      await using at = await startPublicRegistry(
        guarded(({ method }, response) => response.writeHead(method === "POST" ? 202 : 307, { location }).end()),
        anna,
      );
      await expect(at.repository().resolve("v1")).rejects.toMatchObject({ code: "UNSAFE_URL" });
    }
    expect(plain.connections()).toBe(0);
  });

  test("a registry that speaks no TLS is sent nothing, unless it was called insecure", async () => {
    await using server = await startServer(guarded((_, response) => response.writeHead(404).end()));
    const never = { plainHttp: "never" } as const;
    await using at = await openHost(server.host, { keychain: anna, endpoint: never });
    const request = { method: "GET", url: "v2/a", scopes: [] } as const;
    await expect(at.host.send(request)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(server.requests).toEqual([]);
  });

  test("a certificate that does not verify is no reason for plain HTTP", async () => {
    await using server = await startServer(
      guarded((_, response) => response.end()),
      makeCertificate("127.0.0.1"),
    );
    await using at = await openHost(server.host, { keychain: anna, endpoint: { plainHttp: "fallback" } });
    const request = { method: "GET", url: "v2/a", scopes: [] } as const;
    await expect(at.host.send(request)).rejects.toMatchObject({ code: "CERTIFICATE" });
    expect(server.requests).toEqual([]);
  });
});

test("mirror poisoning: what a mirror has for a digest is checked, and the registry asked", async () => {
  const image = await randomImage();
  await using registry = await startRegistry({ store: image.source, auth: { type: "basic", check: () => true } });
  await using mirror = await startServer(
    serving(manifest, { "docker-content-digest": image.descriptor.digest, "content-type": mediaTypes.ociManifest }),
  );
  await using client = await mirrored(registry.host, mirror.host);
  await using pushing = await openClient();
  await copy(image.source, pushing.repository(`${registry.host}/acme/app`), image.descriptor);
  const repository = client.repository(`${registry.host}/acme/app@${image.descriptor.digest}`);
  const read = Buffer.from(await readBlob(repository.blob(image.descriptor)));
  expect(digestOf(read)).toBe(image.descriptor.digest);
  expect(mirror.requests.length).toBeGreaterThan(0);
  expect(headersOf(mirror).filter((header) => header !== undefined)).toEqual([]);
});

describe("header injection: what is no name comes into no request", () => {
  test.each(["v1\r\nX-Evil: 1", "..", "../x", "a%2fb", "a b", "v1?x=y", "v1#x", "v".repeat(129)])(
    "the tag %j",
    async (tag) => {
      await using server = await startServer((_, response) => response.writeHead(404).end());
      await using client = await openClient();
      const repository = client.repository(`${server.host}/acme/app`);
      await expect(repository.resolve(tag)).rejects.toMatchObject({ name: "SyntaxError" });
      await expect(repository.tag(some, tag)).rejects.toMatchObject({ name: "SyntaxError" });
      await expect(repository.delete(tag)).rejects.toMatchObject({ name: "SyntaxError" });
      expect(server.requests).toEqual([]);
    },
  );

  test.each(["a/../b", "a\r\nb", "a%2fb", "a//b", "A/b", "a/b?x", ".."])("the repository %j", async (name) => {
    await using client = await openClient();
    expect(() => client.repository(`registry.example:5000/${name}`)).toThrow(SyntaxError);
  });

  test("a User-Agent, a media type and an artifact type", async () => {
    await using server = await startServer((_, response) => response.writeHead(404).end());
    await using client = await openClient({ userAgent: "x\r\nX-Evil: 1" });
    await expect(client.repository(`${server.host}/acme/app`).resolve("v1")).rejects.toThrow();
    await using other = await openClient();
    const repository = other.repository(`${server.host}/acme/app`);
    const evil = { ...blobOf(Buffer.from("{}")).descriptor, mediaType: "a/b\r\nX-Evil: 1" };
    await repository.push({ descriptor: evil, open: () => chunk(Buffer.from("{}")) }).catch(() => undefined);
    await readBlob(repository.blob(evil)).catch(() => undefined);
    await repository.referrers(some, { artifactType: "a\r\nX-Evil: 1" }).catch(() => undefined);
    for (const { headers, url } of server.requests) {
      expect(headers["x-evil"]).toBeUndefined();
      expect(url).not.toMatch(/[\r\n]/);
    }
  });
});

/** A client for which registries.conf has a mirror of a registry, with credentials for the registry alone. */
async function mirrored(registry: string, mirror: string): Promise<RegistryClient> {
  await using folder = await temporaryFolder();
  const registriesConf = join(folder.path, "registries.conf");
  await writeFile(
    registriesConf,
    `[[registry]]\nlocation = "${registry}"\n[[registry.mirror]]\nlocation = "${mirror}"\ninsecure = true\n`,
  );
  const hostConfig = await loadHostConfig({ env: {}, home: "/nowhere", registriesConf });
  const keychain: Keychain = {
    find: async (name, repository) => (name === registry ? await anna.find(name, repository) : undefined),
  };
  return await openClient({ hostConfig, keychain });
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A SOCKS5 proxy (RFC 1928) without authentication; remembers where it was asked to go. */
async function startSocks(): Promise<AsyncDisposable & { readonly url: URL; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.once("data", (greeting) => {
      if (greeting.at(0) !== 5) return socket.destroy();
      socket.write(Buffer.from([5, 0]));
      return socket.once("data", (request: Buffer) => {
        const byName = request.readUInt8(3) === 3;
        const end = byName ? 5 + request.readUInt8(4) : 8;
        const host = byName ? request.subarray(5, end).toString() : request.subarray(4, 8).join(".");
        asked.push(`${host}:${request.readUInt16BE(end)}`);
        const onward = connect(request.readUInt16BE(end), host, () => {
          socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
          onward.pipe(socket).pipe(onward);
        });
        sockets.add(onward.on("error", () => undefined));
      });
    });
  });
  const port = await listen(server);
  return {
    url: new URL(`socks5://127.0.0.1:${port}`),
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
