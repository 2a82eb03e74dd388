import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { copy, type Descriptor, digestOf, MemoryStore, OciError, readBlob } from "@lading/oci";
import { randomImage, validateImage } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { answer, blobOf, failing, type Intercept, servedRepository } from "./served.suite.ts";

const content = randomBytes(4 * 1024 * 1024 + 123);
const { length } = content;
const descriptor = blobOf(content).descriptor;

const isBlobGet = ({ method, operation }: { method: string; operation: string }): boolean =>
  method === "GET" && operation === "blob";

/** Sends the content from where it was asked for, up to `end`, and breaks the connection there. */
function breakingAt(end: (start: number) => number): Intercept {
  return async ({ headers }, { response }) => {
    const start = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
    const stop = Math.min(end(start), length);
    const range = `bytes ${start}-${length - 1}/${length}`;
    response.writeHead(start === 0 ? 200 : 206, {
      "content-length": String(length - start),
      ...(start === 0 ? {} : { "content-range": range }),
    });
    response.write(content.subarray(start, stop), () => {
      if (stop < length) response.destroy();
      else response.end();
    });
  };
}

async function download(
  intercept: Intercept,
  wanted: Descriptor = descriptor,
): Promise<readonly (string | undefined)[]> {
  await using served = await servedRepository(intercept);
  await served.repository.push(blobOf(content));
  const bytes = await readBlob(served.repository.blob(wanted), { limit: 1e9 });
  expect(Buffer.from(bytes).equals(content)).toBe(true);
  return served.registry.requests.filter(isBlobGet).map(({ headers }) => headers.range);
}

const stall: Intercept = async (_request, { response }) => {
  response.writeHead(200, { "content-length": String(length) });
  response.write(content.subarray(0, 1_000_000));
};

describe("a download", () => {
  test("goes on where the connection broke", async () => {
    const ranges = await download(
      failing(
        isBlobGet,
        breakingAt(() => 2_000_000),
        1,
      ),
    );
    expect(ranges).toHaveLength(2);
    expect(Number(/bytes=(\d+)-/.exec(ranges[1] ?? "")?.[1])).toBeGreaterThan(0);
  });

  test("succeeds at a host that breaks every answer after 200 KB", async () => {
    const ranges = await download(
      failing(
        isBlobGet,
        breakingAt((start) => start + 200_000),
      ),
    );
    expect(ranges.length).toBeGreaterThan(15);
  });

  test("goes on after an end that looks like the whole", async () => {
    const short = answer(200, { "content-length": "1000000" }, content.subarray(0, 1_000_000));
    const ranges = await download(failing(isBlobGet, short, 1));
    expect(ranges).toEqual([undefined, "bytes=1000000-"]);
  });

  test("goes on after a stall", async () => {
    const ranges = await download(failing(isBlobGet, stall, 1));
    expect(ranges).toHaveLength(2);
  });

  test.each([
    ["is answered with the whole", answer(200, {}, content)],
    [
      "is answered with another part",
      answer(206, { "content-range": `bytes 0-99/${length}` }, content.subarray(0, 100)),
    ],
    ["is answered with a part of unknown place", answer(206, {}, content.subarray(1_000_000))],
    [
      "is answered with a part of something longer",
      answer(206, { "content-range": `bytes 1000000-1000099/${length + 1}` }, "x"),
    ],
    ["is refused", answer(416)],
  ])("skips what it has when the request for the rest %s", async (_what, reply) => {
    const short = failing(isBlobGet, answer(200, {}, content.subarray(0, 1_000_000)), 1);
    const rest = failing((request) => isBlobGet(request) && request.headers.range !== undefined, reply);
    await download((request, raw, next) => short(request, raw, () => rest(request, raw, next)));
  });

  test.each([500, 502, 503, 504, 408, 425, 429])("comes through a host that answers %i twice", async (status) => {
    await download(failing(isBlobGet, answer(status), 2));
  });

  test("takes bytes of another Content-Encoding as they are", async () => {
    await download(failing(isBlobGet, answer(200, { "content-encoding": "gzip" }, content)));
  });

  test("is fetched once more by copy when the bytes were wrong", async () => {
    const image = await randomImage({ layers: 2, size: 200_000 });
    const [layer] = image.images[0]?.layers ?? [];
    const bad = Buffer.alloc(layer?.descriptor.size ?? 0);
    const isLayer = (request: { method: string; operation: string; url: string }): boolean =>
      isBlobGet(request) && request.url.endsWith(layer?.descriptor.digest ?? "?");
    await using served = await servedRepository(failing(isLayer, answer(200, {}, bad), 1));
    await copy(image.source, served.repository, image.descriptor);
    const store = new MemoryStore();
    await copy(served.repository, store, image.descriptor);
    await validateImage(store, image.descriptor);
    expect(served.registry.requests.filter(isLayer)).toHaveLength(2);
  });

  test.each([
    ["wrong", Buffer.alloc(length), "DIGEST_MISMATCH"],
    ["too long", Buffer.concat([content, Buffer.from("x")]), "SIZE_MISMATCH"],
  ])("of bytes that are always %s fails as that, and may be tried again", async (_what, bytes, code) => {
    await using served = await servedRepository(failing(isBlobGet, answer(200, {}, bytes)));
    const reading = readBlob(served.repository.blob(descriptor), { limit: 1e9 });
    await expect(reading).rejects.toMatchObject({ code, transient: true });
  });

  test("that ends too early every time fails, and says how far it came", async () => {
    const short = answer(200, { "content-length": "10" }, content.subarray(0, 10));
    await using served = await servedRepository(failing(isBlobGet, short));
    const reading = readBlob(served.repository.blob(descriptor), { limit: 1e9 });
    await expect(reading).rejects.toThrow(/ended after 10 of \d+ bytes/);
  });

  test("of what a descriptor carries itself asks nobody", async () => {
    await using served = await servedRepository();
    const small = Buffer.from("{}");
    const carried = { ...blobOf(small).descriptor, data: small.toString("base64") };
    expect(Buffer.from(await readBlob(served.repository.blob(carried))).toString()).toBe("{}");
    const lying = { ...blobOf(small).descriptor, data: Buffer.from("[]").toString("base64") };
    await expect(readBlob(served.repository.blob(lying))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(served.asked()).toEqual(["GET blob"]);
  });

  test("of a size nobody could hold allocates nothing for it", async () => {
    await using served = await servedRepository();
    await served.repository.push(blobOf(content));
    const huge = { ...descriptor, size: Number.MAX_SAFE_INTEGER };
    const reading = (async (): Promise<void> => {
      for await (const _ of served.repository.blob(huge).open());
    })();
    await expect(reading).rejects.toThrow(/ended after|416/);
  });

  test("of a foreign layer comes from its URLs, without credentials", async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end(content);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    await using served = await servedRepository();
    const foreign = { ...descriptor, urls: ["ftp://nowhere/", `http://127.0.0.1:${port}/layer`] };
    const bytes = await readBlob(served.repository.blob(foreign), { limit: 1e9 });
    expect(digestOf(bytes)).toBe(descriptor.digest);
    expect(seen).toEqual([undefined]);
    server.close();
    server.closeAllConnections();
  });

  test("can be aborted in the middle", async () => {
    await using served = await servedRepository();
    await served.repository.push(blobOf(content));
    const abort = new AbortController();
    const reading = (async (): Promise<void> => {
      for await (const _ of served.repository.blob(descriptor).open({ signal: abort.signal }))
        abort.abort(new Error("enough"));
    })();
    await expect(reading).rejects.toThrow("enough");
  });

  test("of a blob that is not there is NOT_FOUND, with what the registry said", async () => {
    await using served = await servedRepository();
    const failure: unknown = await readBlob(served.repository.blob(descriptor), { limit: 1e9 }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(OciError);
    expect(failure).toMatchObject({ code: "NOT_FOUND", cause: { name: "RegistryError", status: 404 } });
  });
});
