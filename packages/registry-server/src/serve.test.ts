import { mkdir, readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import {
  copy,
  digestOf,
  LayoutStore,
  mediaTypes,
  MemoryStore,
  nameOf,
  OciArchive,
  OciArchiveSink,
  readBlob,
} from "@lading/oci";
import { randomImage, temporaryFolder } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { serve } from "./serve.ts";
import { errorCode, served } from "./served.suite.ts";

const json = async (response: Response): Promise<unknown> => await response.json();
const content = Buffer.from("0123456789");
const digest = digestOf(content);

const start = async (ask: (path: string, init?: RequestInit) => Promise<Response>, query = "") =>
  (await ask(`/v2/acme/new/blobs/uploads/${query}`, { method: "POST" })).headers.get("location") ?? "";

const digestAt = async (url: URL, path: string): Promise<string | null> =>
  (await fetch(new URL(path, url))).headers.get("docker-content-digest");

describe("manifests", () => {
  test("come by tag and by digest as they are, whatever Accept says", async () => {
    await using at = await served();
    for (const reference of ["1", at.manifest.digest]) {
      const response = await at.ask(`/v2/acme/app/manifests/${reference}`, { headers: { accept: "text/html" } });
      expect(response.headers.get("content-type")).toBe(at.manifest.mediaType);
      expect(response.headers.get("docker-content-digest")).toBe(at.manifest.digest);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(await at.read(at.manifest));
    }
  });

  test("that the client has already are not sent again", async () => {
    await using at = await served();
    const headers = { "if-none-match": `"${at.manifest.digest}"` };
    expect((await at.ask("/v2/acme/app/manifests/1", { headers })).status).toBe(304);
  });

  test("are refused when they are damaged, too large, of another digest, or lead to what is not here", async () => {
    await using at = await served();
    const put = async (reference: string, body: Buffer<ArrayBuffer>, type = at.manifest.mediaType) => {
      const init = { method: "PUT", body, headers: { "content-type": type } };
      const response = await at.ask(`/v2/acme/app/manifests/${reference}`, init);
      return [response.status, await errorCode(response)];
    };
    const good = await at.read(at.manifest);
    expect(await put("2", Buffer.from("{}"))).toEqual([400, "MANIFEST_INVALID"]);
    expect(await put("2", good, mediaTypes.ociIndex)).toEqual([400, "MANIFEST_INVALID"]);
    expect(await put("2", good, "text/plain")).toEqual([400, "MANIFEST_INVALID"]);
    expect(await put("2", Buffer.alloc(4 * 1024 * 1024 + 1))).toEqual([413, "SIZE_INVALID"]);
    expect(await put(digest, good)).toEqual([400, "DIGEST_INVALID"]);
    const other = Buffer.from(good.toString().replace(at.layer.digest, digest));
    expect(await put("2", other)).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
  });

  test("are deleted by tag, and by digest with all their tags", async () => {
    await using at = await served();
    await at.store.tag(at.manifest, "acme/app:2");
    await at.store.tag(at.manifest, "acme/other:2");
    const remove = async (reference: string) =>
      await at.ask(`/v2/acme/app/manifests/${reference}`, { method: "DELETE" });
    expect((await remove("1")).status).toBe(202);
    expect(await json(await at.ask("/v2/acme/app/tags/list"))).toEqual({ name: "acme/app", tags: ["2"] });
    expect((await remove(at.manifest.digest)).status).toBe(202);
    expect((await at.ask(`/v2/acme/app/manifests/${at.manifest.digest}`)).status).toBe(404);
    expect((await at.ask("/v2/acme/other/manifests/2")).status).toBe(200);
  });
});

describe("blobs", () => {
  test.each([
    ["bytes=0-9", 206, 0, 10],
    ["bytes=10-", 206, 10, Infinity],
    ["bytes=-7", 206, -7, Infinity],
    ["bytes=0-99999", 206, 0, Infinity],
    ["bytes=5-1", 200, 0, Infinity],
    ["bytes=0-1,3-4", 200, 0, Infinity],
    ["lines=1-2", 200, 0, Infinity],
  ])("Range %s is answered with %i", async (range, status, start, end) => {
    await using at = await served();
    const response = await at.ask(`/v2/acme/app/blobs/${at.layer.digest}`, { headers: { range } });
    expect(response.status).toBe(status);
    expect(Buffer.from(await response.arrayBuffer())).toEqual((await at.read(at.layer)).subarray(start, end));
  });

  test("a Range behind the end is answered with 416 and the size", async () => {
    await using at = await served();
    const headers = { range: `bytes=${at.layer.size}-` };
    const response = await at.ask(`/v2/acme/app/blobs/${at.layer.digest}`, { headers });
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe(`bytes */${at.layer.size}`);
  });

  test("are not to be had from a repository that does not lead to them, until they are mounted there", async () => {
    await using at = await served();
    const there = `/v2/acme/new/blobs/${at.layer.digest}`;
    expect((await at.ask(there)).status).toBe(404);
    const mounted = await at.ask(`/v2/acme/new/blobs/uploads/?mount=${at.layer.digest}`, { method: "POST" });
    expect(mounted.status).toBe(201);
    expect((await at.ask(there)).status).toBe(200);
    expect((await at.ask(`/v2/acme/new/blobs/uploads/?mount=${digest}&from=acme/app`, { method: "POST" })).status).toBe(
      202,
    );
  });
});

describe("uploads", () => {
  test("go on where they stopped, and nowhere else", async () => {
    await using at = await served();
    const location = await start(at.ask);
    const patch = async (range: string, body: Buffer<ArrayBuffer>) =>
      await at.ask(location, { method: "PATCH", body, headers: { "content-range": range } });
    expect((await patch("0-3", content.subarray(0, 4))).headers.get("range")).toBe("0-3");
    const gap = await patch("5-9", content.subarray(5));
    expect([gap.status, gap.headers.get("range"), gap.headers.get("location")]).toEqual([416, "0-3", location]);
    const status = await at.ask(location);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-3"]);
    const end = await at.ask(`${location}?digest=${digest}`, { method: "PUT", body: content.subarray(4) });
    expect(end.status).toBe(201);
    expect(await (await at.ask(end.headers.get("location") ?? "")).text()).toBe("0123456789");
    expect((await at.ask(location)).status).toBe(404);
  });

  test("go on after a connection that broke in the middle", async () => {
    await using at = await served();
    const location = await start(at.ask);
    const [host, port] = at.host.split(":");
    const socket = connect(Number(port), host);
    // Half of what was announced, and the end.
    socket.end(`PATCH ${location} HTTP/1.1\r\nHost: ${at.host}\r\nContent-Length: 10\r\n\r\n01234`);
    await new Promise((resolve) => socket.resume().once("close", resolve));
    expect((await at.ask(location)).headers.get("range")).toBe("0-4");
    const end = await at.ask(`${location}?digest=${digest}`, { method: "PUT", body: content.subarray(5) });
    expect(end.status).toBe(201);
  });

  test.each(["sha256", "sha512"] as const)("are stored under their %s digest", async (algorithm) => {
    await using at = await served();
    const own = digestOf(content, algorithm);
    const location = await start(at.ask, `?digest-algorithm=${algorithm}`);
    const end = await at.ask(`${location}?digest=${own}`, { method: "PUT", body: content });
    expect([end.status, end.headers.get("docker-content-digest")]).toEqual([201, own]);
    expect(await (await at.ask(`/v2/acme/new/blobs/${own}`)).text()).toBe("0123456789");
  });

  test("of other bytes than promised become no blob", async () => {
    await using at = await served();
    const other = digestOf("other");
    const end = await at.ask(`${await start(at.ask)}?digest=${other}`, { method: "PUT", body: content });
    expect([end.status, await errorCode(end)]).toEqual([400, "DIGEST_INVALID"]);
    expect((await at.ask(`/v2/acme/new/blobs/${other}`)).status).toBe(404);
    expect((await at.ask(`/v2/acme/new/blobs/${digest}`)).status).toBe(404);
  });

  test("say how long a chunk has to be, and hold the client to it", async () => {
    await using at = await served({ minimalChunk: 5 });
    const begun = await at.ask("/v2/acme/new/blobs/uploads/", { method: "POST" });
    expect(begun.headers.get("oci-chunk-min-length")).toBe("5");
    const short = { method: "PATCH", body: content.subarray(0, 4), headers: { "content-range": "0-3" } };
    expect((await at.ask(begun.headers.get("location") ?? "", short)).status).toBe(416);
  });

  test("that nobody ended are gone when the server is closed", async () => {
    await using folder = await temporaryFolder();
    const store = await LayoutStore.create(folder.path);
    const server = await serve(store, { writable: true });
    const begun = await fetch(new URL("/v2/a/blobs/uploads/", server.url), { method: "POST" });
    await fetch(new URL(begun.headers.get("location") ?? "", server.url), { method: "PATCH", body: content });
    expect(await readdir(folder.path)).toHaveLength(4);
    await server.close();
    expect((await readdir(folder.path)).toSorted()).toEqual(["blobs", "index.json", "oci-layout"]);
  });
});

describe("lists", () => {
  test("come in pages that lead to the next, each tag once and in order", async () => {
    await using at = await served();
    for (const tag of ["b", "a", "B", "10", "9"]) await at.store.tag(at.manifest, `acme/app:${tag}`);
    const tags: unknown[] = [];
    let url: string | undefined = "/v2/acme/app/tags/list?n=2";
    while (url !== undefined) {
      const response = await at.ask(url);
      const body = await json(response);
      tags.push(typeof body === "object" && body !== null && "tags" in body ? body.tags : body);
      url = /<(.*)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    }
    expect(tags).toEqual([
      ["1", "10"],
      ["9", "B"],
      ["a", "b"],
    ]);
  });

  test("name all repositories", async () => {
    await using at = await served();
    for (const name of ["alpine:3", "ghcr.io/acme/app:1", "localhost:5000/tool:1"])
      await at.store.tag(at.manifest, name);
    const repositories = ["acme/app", "alpine", "ghcr.io/acme/app", "tool"];
    expect(await json(await at.ask("/v2/_catalog"))).toEqual({ repositories });
  });

  test("of referrers hold what refers to a manifest, of the type that is asked for", async () => {
    await using at = await served();
    const empty = Buffer.from("{}");
    const config = { mediaType: mediaTypes.ociEmpty, digest: digestOf(empty), size: 2 };
    await at.ask(`/v2/acme/app/blobs/uploads/?digest=${config.digest}`, { method: "POST", body: empty });
    const { mediaType, digest: subject, size } = at.manifest;
    for (const artifactType of ["a/sbom", "a/signature"]) {
      const document = {
        schemaVersion: 2,
        mediaType,
        artifactType,
        config,
        layers: [config],
        subject: { mediaType, digest: subject, size },
      };
      const body = Buffer.from(JSON.stringify(document));
      const response = await at.ask(`/v2/acme/app/manifests/${digestOf(body)}`, {
        method: "PUT",
        body,
        headers: { "content-type": mediaType },
      });
      expect([response.status, response.headers.get("oci-subject")]).toEqual([201, subject]);
    }
    const all = await at.ask(`/v2/acme/app/referrers/${subject}`);
    expect(all.headers.get("content-type")).toBe(mediaTypes.ociIndex);
    expect(await json(all)).toMatchObject({ manifests: [{ artifactType: "a/sbom" }, { artifactType: "a/signature" }] });
    const some = await at.ask(`/v2/acme/app/referrers/${subject}?artifactType=a%2Fsbom`);
    expect(some.headers.get("oci-filters-applied")).toBe("artifactType");
    expect(await json(some)).toMatchObject({ manifests: [{ artifactType: "a/sbom" }] });
  });
});

describe("names", () => {
  test("are full references, paths as of a mirror, or bare tags of one repository", async () => {
    await using folder = await temporaryFolder();
    const directory = join(folder.path, "My Images");
    await mkdir(directory);
    const store = await LayoutStore.create(directory);
    const [a, b, c] = [await randomImage(), await randomImage(), await randomImage()];
    for (const image of [a, b, c]) await copy(image.source, store, image.descriptor);
    await store.tag(a.descriptor, "ghcr.io/acme/app:1");
    await store.tag(b.descriptor, "quay.io/acme/app:1");
    await store.tag(b.descriptor, "quay.io/acme/tool:1");
    await store.tag(c.descriptor, "alpine:3");
    await store.tag(c.descriptor, "2");
    await using server = await serve(store);
    const at = async (path: string): Promise<string | null> => await digestAt(server.url, path);
    expect(await at("/v2/ghcr.io/acme/app/manifests/1")).toBe(a.descriptor.digest);
    expect(await at("/v2/acme/tool/manifests/1")).toBe(b.descriptor.digest);
    expect(await at("/v2/acme/app/manifests/1")).toBe(null);
    expect(await at("/v2/acme/app/manifests/1?ns=quay.io")).toBe(b.descriptor.digest);
    expect(await at("/v2/acme/app/manifests/1?ns=docker.io")).toBe(null);
    expect(await at("/v2/library/alpine/manifests/3?ns=docker.io")).toBe(c.descriptor.digest);
    expect(await at("/v2/alpine/manifests/3")).toBe(c.descriptor.digest);
    expect(await at("/v2/my-images/manifests/2")).toBe(c.descriptor.digest);
  });

  test("of pushes are those that a pull finds again, after a restart too", async () => {
    await using folder = await temporaryFolder();
    const store = await LayoutStore.create(folder.path);
    const image = await randomImage();
    await copy(image.source, store, image.descriptor);
    await store.tag(image.descriptor, "0");
    const name = "acme/app";
    const options = { writable: true, name };
    {
      await using server = await serve(store, options);
      const body = Buffer.from(await readBlob(store.blob(image.descriptor)));
      for (const tag of ["1", "2"]) {
        const init = { method: "PUT", body, headers: { "content-type": image.descriptor.mediaType } };
        expect((await fetch(new URL(`/v2/${name}/manifests/${tag}`, server.url), init)).status).toBe(201);
      }
    }
    expect((await store.list()).map(nameOf)).toEqual(["0", "1", "2"]);
    await using server = await serve(store, options);
    expect(await digestAt(server.url, `/v2/${name}/manifests/2`)).toBe(image.descriptor.digest);
  });

  test.each(["Acme/app", "acme//app", "acme/..", "acme/app%2f", "%ff"])(
    "that are none are refused: %s",
    async (name) => {
      await using at = await served();
      const response = await at.ask(`/v2/${name}/manifests/1`);
      expect([400, 404]).toContain(response.status);
      expect(response.headers.get("docker-content-digest")).toBe(null);
    },
  );
});

test("a registry that is read-only takes nothing", async () => {
  await using at = await served({ writable: false });
  const asked: readonly (readonly [string, string])[] = [
    ["POST", "/v2/acme/app/blobs/uploads/"],
    ["PUT", "/v2/acme/app/manifests/2"],
    ["DELETE", "/v2/acme/app/manifests/1"],
  ];
  for (const [method, path] of asked) {
    const response = await at.ask(path, { method });
    expect([response.status, await errorCode(response)]).toEqual([405, "UNSUPPORTED"]);
  }
});

test("an archive is served as it is", async () => {
  await using folder = await temporaryFolder();
  const image = await randomImage({ layers: 2, platforms: ["linux/amd64", "linux/arm64"] });
  const file = join(folder.path, "app.tar");
  await using sink = await OciArchiveSink.create(file);
  await copy(image.source, sink, image.descriptor);
  await sink.tag(image.descriptor, "acme/app:1");
  await sink.finish();
  await using server = await serve(await OciArchive.open(file));
  expect(await server.names()).toEqual(["acme/app:1"]);
  const layer = image.images[1]?.layers[1]?.descriptor;
  const response = await fetch(new URL(`/v2/acme/app/blobs/${layer?.digest}`, server.url), {
    headers: { range: "bytes=5-" },
  });
  expect(Number(response.headers.get("content-length"))).toBe((layer?.size ?? 0) - 5);
  expect((await response.arrayBuffer()).byteLength).toBe((layer?.size ?? 0) - 5);
  await expect(serve(await OciArchive.open(file), { writable: true })).rejects.toThrow(TypeError);
});

test("closing ends connections that are idle or in use", async () => {
  const server = await serve(new MemoryStore(), { intercept: async () => undefined });
  const open = fetch(server.url);
  const socket = connect(Number(server.url.port), "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.on("error", () => undefined);
  const ended = new Promise((resolve) => socket.once("close", resolve));
  await server.close();
  await expect(open).rejects.toThrow();
  await ended;
});
