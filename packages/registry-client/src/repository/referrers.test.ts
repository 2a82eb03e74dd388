import { copy, type Descriptor, digestOf, jsonBytes, mediaTypes, readBlob } from "@lading/oci";
import { randomImage } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import type { Repository } from "../repository.ts";
import { referrersTag } from "./referrers-tag.ts";
import { answer, blobOf, failing, type Intercept, type Served, servedRepository } from "./served.suite.ts";

const isReferrers = ({ operation }: Parameters<Intercept>[0]): boolean => operation === "referrers";
const withoutApi = failing(isReferrers, answer(404, { "content-type": "text/plain" }, "404 page not found"));
const config = blobOf(Buffer.from("{}"), mediaTypes.ociEmpty);

/** Pushes an image and returns it, the subject of what follows. */
async function pushSubject({ repository }: Served): Promise<Descriptor> {
  const image = await randomImage();
  await copy(image.source, repository, image.descriptor);
  return image.descriptor;
}

/** Pushes a manifest about `subject`; returns it as lists have it. */
async function pushReferrer(repository: Repository, subject: Descriptor, artifactType: string): Promise<Descriptor> {
  const annotations = { made: artifactType };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: config.descriptor,
    layers: [config.descriptor],
    subject,
    annotations,
  };
  const blob = blobOf(jsonBytes(manifest), mediaTypes.ociManifest);
  if (!(await repository.has(config.descriptor))) await repository.push(config);
  await repository.push(blob);
  return { ...blob.descriptor, artifactType, annotations };
}

const byDigest = (a: Descriptor, b: Descriptor): number => (a.digest < b.digest ? -1 : 1);

describe.each([
  ["by the API", undefined],
  ["by the tag, where the API is answered with 404", withoutApi],
  [
    "by the tag, where the API is answered with a web page",
    failing(isReferrers, answer(200, { "content-type": "text/html" }, "<html>")),
  ],
  [
    "by the tag, where a registry says OCI-Subject and has no API",
    failing(
      ({ operation, method }) => operation === "referrers" || (operation === "manifest" && method === "PUT"),
      async (request, raw, next) => {
        if (request.operation === "referrers") return withoutApi(request, raw, next);
        raw.response.setHeader("oci-subject", digestOf("x"));
        return next();
      },
    ),
  ],
])("referrers %s", (_how, intercept) => {
  test("are listed once pushed, all or of a type", async () => {
    await using served = await servedRepository(intercept);
    const subject = await pushSubject(served);
    expect(await served.repository.referrers(subject)).toEqual([]);
    const sbom = await pushReferrer(served.repository, subject, "application/sbom");
    const signature = await pushReferrer(served.repository, subject, "application/signature");
    // Another client, which knows nothing of the host.
    const other = await served.repository.referrers(subject);
    expect(other.toSorted(byDigest)).toEqual([sbom, signature].toSorted(byDigest));
    expect(await served.repository.referrers(subject, { artifactType: "application/sbom" })).toEqual([sbom]);
    await readBlob(served.repository.blob(signature));
  });

  test("are all kept when many are pushed at once", async () => {
    await using served = await servedRepository(intercept);
    const subject = await pushSubject(served);
    const types = Array.from({ length: 8 }, (_, i) => `application/type-${i}`);
    await Promise.all(types.map((type) => pushReferrer(served.repository, subject, type)));
    const found = await served.repository.referrers(subject);
    expect(new Set(found.map(({ artifactType }) => artifactType))).toEqual(new Set(types));
    expect(found).toHaveLength(types.length);
  });
});

test("the tag that stands in for the API is an index, and keeps what others put there", async () => {
  await using served = await servedRepository(withoutApi);
  const subject = await pushSubject(served);
  const theirs = { mediaType: mediaTypes.ociManifest, digest: subject.digest, size: subject.size, note: "theirs" };
  const index = blobOf(jsonBytes({ schemaVersion: 2, manifests: [theirs], kept: true }), mediaTypes.ociIndex);
  await served.repository.push(index);
  await served.repository.tag(index.descriptor, referrersTag(subject));
  const ours = await pushReferrer(served.repository, subject, "application/sbom");
  await served.repository.push(blobOf(await readBlob(served.repository.blob(ours)), mediaTypes.ociManifest));
  const tagged = await served.repository.resolve(referrersTag(subject));
  expect(JSON.parse(Buffer.from(await readBlob(served.repository.blob(tagged))).toString())).toEqual({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [theirs, ours],
    kept: true,
  });
});

test("an entry that another writer's list lost is written again", async () => {
  let tag = "";
  let dropped = false;
  const racing: Intercept = async (request, _raw, next) => {
    await next();
    if (dropped || request.method !== "PUT" || request.reference !== tag) return;
    dropped = true;
    await served.registry.store.push(lost);
    await served.registry.store.tag(lost.descriptor, `${served.registry.host}/acme/app:${tag}`);
  };
  const lost = blobOf(jsonBytes({ schemaVersion: 2, manifests: [] }), mediaTypes.ociIndex);
  await using served = await servedRepository((request, raw, next) =>
    withoutApi(request, raw, () => racing(request, raw, next)),
  );
  const subject = await pushSubject(served);
  tag = referrersTag(subject);
  const ours = await pushReferrer(served.repository, subject, "application/sbom");
  expect(dropped).toBe(true);
  expect(await served.repository.referrers(subject)).toEqual([ours]);
});

const entry = (artifactType: string): Descriptor => ({
  ...blobOf(Buffer.from(artifactType)).descriptor,
  artifactType,
});

const page = (...entries: readonly Descriptor[]): Uint8Array =>
  jsonBytes({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries });

test("a list of several pages is read to its end, and filtered here when the registry did not", async () => {
  const type = { "content-type": mediaTypes.ociIndex };
  const pages: Intercept = async (request, raw, next) => {
    const { pathname } = new URL(request.url, "http://x");
    const first = !request.url.includes("page=2");
    const reply = first
      ? answer(200, { ...type, link: `<${pathname}?page=2>; rel="next"` }, page(entry("a/a"), entry("b/b")))
      : answer(200, type, page(entry("a/a"), entry("c/c")));
    return reply(request, raw, next);
  };
  await using served = await servedRepository(failing(isReferrers, pages));
  const subject = blobOf(Buffer.from("subject")).descriptor;
  expect(await served.repository.referrers(subject)).toEqual([entry("a/a"), entry("b/b"), entry("c/c")]);
  expect(await served.repository.referrers(subject, { artifactType: "c/c" })).toEqual([entry("c/c")]);
});

test("a filter that the registry says it applied is believed", async () => {
  const plain = blobOf(Buffer.from("x")).descriptor;
  const body = jsonBytes({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [plain] });
  const headers = { "content-type": mediaTypes.ociIndex, "oci-filters-applied": "artifactType" };
  await using served = await servedRepository(failing(isReferrers, answer(200, headers, body)));
  const subject = blobOf(Buffer.from("subject")).descriptor;
  expect(await served.repository.referrers(subject, { artifactType: "a/a" })).toEqual([plain]);
  expect(served.registry.requests.at(-1)?.url).toMatch(/\?artifactType=a%2Fa$/);
});

test("what stands behind the tag and is no index lists nothing", async () => {
  await using served = await servedRepository(withoutApi);
  const subject = await pushSubject(served);
  await served.repository.tag(subject, referrersTag(subject));
  expect(await served.repository.referrers(subject)).toEqual([]);
});

test("the tag of a sha512 digest is cut to what a tag may be", () => {
  const digest = digestOf("x", "sha512");
  expect(referrersTag({ digest })).toBe(`sha512-${digest.slice(7, 71)}`);
});
