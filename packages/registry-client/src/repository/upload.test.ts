import { randomBytes } from "node:crypto";
import { copy, digestOf, readBlob } from "@lading/oci";
import { randomImage } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { answer, blobOf, chunksOf, failing, type Intercept, type Served, servedRepository } from "./served.suite.ts";

const content = randomBytes(3 * 1024 * 1024 + 123);
const blob = blobOf(content);

type Request = Parameters<Intercept>[0];
const is =
  (...operations: readonly string[]) =>
  ({ operation }: Request): boolean =>
    operations.includes(operation);
const isUpload = is("put-upload", "patch-upload");
const hasBody = ({ operation, headers }: Request): boolean =>
  isUploadOperation(operation) && headers["content-length"] !== "0";
const isUploadOperation = (operation: string): boolean => operation === "put-upload" || operation === "patch-upload";

/** Requests of an upload with a body of more than `bytes`. */
const longer =
  (bytes: number) =>
  ({ operation, headers }: Request): boolean =>
    isUploadOperation(operation) && Number(headers["content-length"]) > bytes;

/** Breaks the connection when so many bytes of the body came. */
function breakAfter(limit: number): Intercept {
  return async (_request, { request }) => {
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size >= limit) request.destroy();
    });
  };
}

async function expectPushed({ repository }: Served): Promise<void> {
  expect(digestOf(await readBlob(repository.blob(blob.descriptor), { limit: 1e9 }))).toBe(blob.descriptor.digest);
}

async function push(intercept?: Intercept): Promise<readonly string[]> {
  await using served = await servedRepository(intercept);
  await served.repository.push(blob);
  const asked = served.asked();
  await expectPushed(served);
  return asked;
}

const fallThrough: Intercept = async (_request, { request }, next) => {
  request.url = request.url?.replace(/mount=[^&]*&from=[^&]*/, "");
  await next();
};

const lost: Intercept = async (_request, { response }, next) => {
  const writeHead = response.writeHead.bind(response);
  response.writeHead = () => writeHead(504);
  await next();
};

async function* brokenSource(): AsyncGenerator<Uint8Array> {
  yield content.subarray(0, 1000);
  throw new Error("the source broke");
}

describe("an upload", () => {
  test("is a POST and one PUT of all", async () => {
    expect(await push()).toEqual(["POST start-upload", "PUT put-upload"]);
  });

  test("of an image costs one HEAD a blob more, and nothing when it is there", async () => {
    const image = await randomImage({ layers: 2 });
    await using served = await servedRepository();
    await copy(image.source, served.repository, image.descriptor);
    expect(served.asked().toSorted()).toEqual([
      "HEAD blob",
      "HEAD blob",
      "HEAD blob",
      "HEAD manifest",
      "POST start-upload",
      "POST start-upload",
      "POST start-upload",
      "PUT manifest",
      "PUT put-upload",
      "PUT put-upload",
      "PUT put-upload",
    ]);
    await copy(image.source, served.repository, image.descriptor);
    expect(served.asked()).toEqual(["HEAD manifest"]);
  });

  test("of content of another repository of the registry is a mount", async () => {
    const image = await randomImage({ layers: 2 });
    await using served = await servedRepository();
    await copy(image.source, served.repository, image.descriptor);
    served.asked();
    await copy(served.repository, served.at("acme/other"), image.descriptor);
    const asked = served.asked();
    expect(asked.filter((what) => what === "POST mount")).toHaveLength(3);
    expect(asked.filter((what) => /put-upload|GET blob/.test(what))).toEqual([]);
  });

  test.each([400, 401, 403, 404, 405, 500])("goes on without a mount that is answered with %i", async (status) => {
    await using served = await servedRepository(failing(is("mount"), answer(status)));
    await served.repository.push(blob);
    await served.at("acme/other").push(served.repository.blob(blob.descriptor));
    expect(await served.at("acme/other").has(blob.descriptor)).toBe(true);
  });

  test("uses the upload that a mount was answered with", async () => {
    await using served = await servedRepository(failing(is("mount"), fallThrough));
    await served.repository.push(blob);
    served.asked();
    const refused = served.at("acme/other");
    await refused.push(served.repository.blob(blob.descriptor));
    expect(await refused.has(blob.descriptor)).toBe(true);
  });

  test.each([500, 502, 503, 504, 408, 425, 429])("is tried again after %i", async (status) => {
    await push(failing(is("start-upload"), answer(status, { "retry-after": "0" }), 2));
    await push(failing(is("put-upload"), answer(status), 2));
  });

  test("is not sent again when only the answer was lost", async () => {
    const asked = await push(failing(is("put-upload"), lost, 1));
    expect(asked.filter((what) => what === "PUT put-upload")).toHaveLength(1);
  });

  test("is tried again from the start of the blob when the connection breaks", async () => {
    const asked = await push(failing(isUpload, breakAfter(1_000_000), 1));
    expect(asked.filter((what) => what === "PUT put-upload")).toHaveLength(2);
  });

  test("passes a proxy that cuts every request of more than 1.5 MB after 1 MB, and remembers how", async () => {
    await using served = await servedRepository(failing(longer(1_500_000), breakAfter(1_000_000)));
    await served.repository.push(blob);
    await expectPushed(served);
    served.asked();
    const next = blobOf(randomBytes(2_000_000));
    await served.repository.push(next);
    expect(served.asked()).toEqual(["POST start-upload", "PATCH patch-upload", "PATCH patch-upload", "PUT put-upload"]);
  });

  test.each([400, 404, 405, 411, 415, 501])(
    "goes over to PATCH where a PUT with a body is answered with %i",
    async (status) => {
      await using served = await servedRepository(
        failing((request) => request.operation === "put-upload" && hasBody(request), answer(status)),
      );
      await served.repository.push(blob);
      await expectPushed(served);
      served.asked();
      await served.repository.push(blobOf(randomBytes(2_000_000)));
      expect(served.asked()).toEqual(["POST start-upload", "PATCH patch-upload", "PUT put-upload"]);
    },
  );

  test("goes over to chunks where a body is too long", async () => {
    const asked = await push(failing(longer(2_000_000), answer(413)));
    expect(asked.filter((what) => what === "PATCH patch-upload")).toHaveLength(4);
  });

  const onlyChunks = failing(
    (request) => hasBody(request) && request.headers["content-range"] === undefined,
    answer(405),
  );

  test.each([
    ["the registry took nothing", 0],
    ["the registry took half of it", 500_000],
  ])("resumes a chunk that broke when %s", async (_what, taken) => {
    let broken = false;
    const intercept: Intercept = async (request, raw, next) => {
      if (broken || request.headers["content-range"] === undefined || request.headers["content-range"].startsWith("0-"))
        return onlyChunks(request, raw, next);
      broken = true;
      if (taken === 0) return void raw.request.destroy();
      // The rest never comes: what is there is kept, as olareg and zot do.
      const [start] = request.headers["content-range"].split("-").map(Number);
      raw.request.headers["content-range"] = `${start}-${(start ?? 0) + taken - 1}`;
      raw.request.headers["content-length"] = String(taken);
      const body = raw.request[Symbol.asyncIterator].bind(raw.request);
      const part = async function* part(): AsyncGenerator<Uint8Array, undefined> {
        let left = taken;
        for await (const chunk of { [Symbol.asyncIterator]: body }) {
          yield chunk.subarray(0, left);
          left -= Math.min(left, chunk.length);
        }
        return undefined;
      };
      Object.defineProperty(raw.request, Symbol.asyncIterator, { value: part });
      raw.response.writeHead = () => raw.response.destroy();
      await next();
    };
    const asked = await push(intercept);
    expect(asked.filter((what) => what === "GET upload-status")).toHaveLength(1);
    expect(asked.filter((what) => what === "POST start-upload").length).toBeLessThan(4);
  });

  test("begins anew when a registry lost the chunks it had", async () => {
    const broken = failing(
      (request) => request.headers["content-range"]?.startsWith("1048576-") === true,
      async (_request, { request }) => void request.destroy(),
      1,
    );
    const forgotten = failing(is("upload-status"), answer(404));
    await push((request, raw, next) =>
      broken(request, raw, () => forgotten(request, raw, () => onlyChunks(request, raw, next))),
    );
  });

  test.each([
    ["olareg", "0-%", 0],
    ["Quay", "bytes=0-%", 0],
    ["Quay, with one too many", "bytes=0-%", 1],
  ])("understands the Range of %s", async (_who, form, extra) => {
    const broken = failing(
      (request) => request.headers["content-range"]?.startsWith("1048576-") === true,
      async (_request, { request }) => void request.destroy(),
      1,
    );
    const status = failing(is("upload-status"), answer(204, { range: form.replace("%", String(1_048_575 + extra)) }));
    await push((request, raw, next) =>
      broken(request, raw, () => status(request, raw, () => onlyChunks(request, raw, next))),
    );
  });

  test.each([
    ["relative", (path: string) => path],
    ["absolute", (path: string, host: string) => `http://${host}${path}`],
    ["with a query", (path: string) => `${path}?_state=a%2Bb%3D%3D&x`],
    ["with a fragment", (path: string) => `${path}#part`],
  ])("follows a Location that is %s", async (_what, form) => {
    const queries: string[] = [];
    const intercept: Intercept = async (request, raw, next) => {
      if (request.operation === "put-upload") queries.push(request.url.slice(request.url.indexOf("?")));
      const writeHead = raw.response.writeHead.bind(raw.response);
      raw.response.writeHead = (status: number, headers?: unknown) => {
        const given =
          typeof headers === "object" && headers !== null ? Object.fromEntries(Object.entries(headers)) : {};
        const location = given["location"];
        if (request.operation === "start-upload")
          given["location"] = form(new URL(String(location), "http://x").pathname, raw.request.headers.host ?? "");
        return writeHead(status, given);
      };
      await next();
    };
    await push(intercept);
    expect(queries[0]).toMatch(/^\?(?:_state=a%2Bb%3D%3D&x&)?digest=sha256:[0-9a-f]{64}$/);
  });

  test("without a Location is an answer that no registry may give", async () => {
    await using served = await servedRepository(failing(is("start-upload"), answer(202)));
    await expect(served.repository.push(blob)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  });

  test.each([200, 202, 204])("that is ended with %i is believed when the blob is there", async (status) => {
    const intercept: Intercept = async (_request, { response }, next) => {
      const writeHead = response.writeHead.bind(response);
      response.writeHead = () => writeHead(status);
      await next();
    };
    await push(failing(is("put-upload"), intercept));
    await using served = await servedRepository(failing(isUpload, answer(status)));
    await expect(served.repository.push(blob)).rejects.toMatchObject({ code: "REFUSED" });
  });

  test("that the registry calls something else fails", async () => {
    const other = answer(201, { "docker-content-digest": digestOf("other") });
    await using served = await servedRepository(failing(is("put-upload"), other));
    await expect(served.repository.push(blob)).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
  });

  test("of a sha512 blob says so where a registry files it under sha256", async () => {
    const descriptor = { ...blob.descriptor, digest: digestOf(content, "sha512") };
    const wanted = { descriptor, open: () => chunksOf(content) };
    await using served = await servedRepository();
    await served.repository.push(wanted);
    expect(await served.repository.has(descriptor)).toBe(true);
    const renamed = answer(201, { "docker-content-digest": blob.descriptor.digest });
    await using old = await servedRepository(failing(is("put-upload"), renamed));
    await expect(old.repository.push(wanted)).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  test.each([false, true])("of wrong bytes is never complete, and is cancelled (in chunks: %s)", async (chunks) => {
    const ended: boolean[] = [];
    const watch: Intercept = async (request, raw, next) => {
      if (request.operation === "put-upload") raw.request.on("close", () => ended.push(raw.request.complete));
      await (chunks ? onlyChunks(request, raw, next) : next());
    };
    await using served = await servedRepository(watch);
    if (chunks) await served.repository.push(blobOf(randomBytes(1000)));
    ended.length = 0;
    const wrong = Buffer.from(content);
    wrong[wrong.length - 1] = (wrong[wrong.length - 1] ?? 0) ^ 1;
    served.asked();
    const pushing = served.repository.push({ descriptor: blob.descriptor, open: () => chunksOf(wrong) });
    await expect(pushing).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(ended.filter(Boolean)).toEqual([]);
    expect(served.asked()).toContain("DELETE cancel-upload");
    expect(await served.repository.has(blob.descriptor)).toBe(false);
  });

  test("of the same blob by several at once is one", async () => {
    await using served = await servedRepository();
    await Promise.all([1, 2, 3].map(() => served.repository.push(blob)));
    expect(served.asked()).toEqual(["POST start-upload", "PUT put-upload"]);
  });

  test("whose first try was somebody else's failure is tried by the next", async () => {
    await using served = await servedRepository();
    const [first, second] = await Promise.allSettled([
      served.repository.push({ descriptor: blob.descriptor, open: () => brokenSource() }),
      served.repository.push(blob),
    ]);
    expect([first?.status, second?.status]).toEqual(["rejected", "fulfilled"]);
    await expectPushed(served);
  });

  test("that is refused says what the registry said", async () => {
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: "quota of 1 GB is used up" }] });
    await using served = await servedRepository(failing(is("put-upload"), answer(403, {}, body)));
    await expect(served.repository.push(blob)).rejects.toThrow(/quota of 1 GB is used up/);
  });
});
