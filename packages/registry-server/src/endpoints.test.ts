import { digestOf } from "@lading/oci";
import { cases, casesIn } from "@lading/testkit";
import { expect, test } from "vitest";
import { z } from "zod";
import { served, type Served } from "./served.suite.ts";

const content = Buffer.from("a blob");
const digest = digestOf(content);
const nowhere = `sha256:${"0".repeat(64)}`;
const put = (body: RequestInit["body"]): RequestInit => ({ method: "PUT", body: body ?? null });

async function upload({ ask }: Served): Promise<string> {
  return (await ask("/v2/acme/new/blobs/uploads/", { method: "POST" })).headers.get("location") ?? "";
}

async function putManifest(at: Served, path: string): Promise<Response> {
  const { ask, manifest } = at;
  return await ask(path, { ...put(await at.read(manifest)), headers: { "content-type": manifest.mediaType } });
}

/** A request that succeeds and one that fails, for each endpoint of the specification. */
const requests: Readonly<
  Record<string, readonly [ok: (at: Served) => Promise<Response>, not: (at: Served) => Promise<Response>]>
> = {
  "end-1": [({ ask }) => ask("/v2/"), ({ ask }) => ask("/v1/")],
  "end-2": [
    ({ ask, layer }) => ask(`/v2/acme/app/blobs/${layer.digest}`),
    ({ ask }) => ask(`/v2/acme/app/blobs/${nowhere}`),
  ],
  "end-3": [
    ({ ask }) => ask("/v2/acme/app/manifests/1", { method: "HEAD" }),
    ({ ask }) => ask("/v2/acme/app/manifests/2"),
  ],
  "end-4a": [
    ({ ask }) => ask("/v2/acme/new/blobs/uploads/", { method: "POST" }),
    ({ ask }) => ask("/v2/blobs/uploads/", { method: "POST" }),
  ],
  "end-4b": [
    ({ ask }) => ask(`/v2/acme/new/blobs/uploads/?digest=${digest}`, { method: "POST", body: content }),
    ({ ask }) => ask(`/v2/acme/new/blobs/uploads/?digest=${nowhere}`, { method: "POST", body: content }),
  ],
  "end-4c": [
    ({ ask }) => ask("/v2/acme/new/blobs/uploads/?digest-algorithm=sha512", { method: "POST" }),
    ({ ask }) => ask("/v2/acme/new/blobs/uploads/?digest-algorithm=md5", { method: "POST" }),
  ],
  "end-5": [
    async (at) =>
      await at.ask(await upload(at), { method: "PATCH", body: content, headers: { "content-range": "0-5" } }),
    async (at) =>
      await at.ask(await upload(at), { method: "PATCH", body: content, headers: { "content-range": "5-10" } }),
  ],
  "end-6": [
    async (at) => await at.ask(`${await upload(at)}?digest=${digest}`, put(content)),
    async (at) => await at.ask(`${await upload(at)}?digest=${nowhere}`, put(content)),
  ],
  "end-7a": [
    async (at) => await putManifest(at, "/v2/acme/app/manifests/2"),
    async (at) => await putManifest(at, "/v2/acme/new/manifests/2"),
  ],
  "end-7b": [
    async (at) => await putManifest(at, `/v2/acme/app/manifests/${at.manifest.digest}?tag=2&tag=3`),
    async (at) => await putManifest(at, `/v2/acme/new/manifests/${at.manifest.digest}?tag=2`),
  ],
  "end-8a": [({ ask }) => ask("/v2/acme/app/tags/list"), ({ ask }) => ask("/v2/acme/new/tags/list")],
  "end-8b": [({ ask }) => ask("/v2/acme/app/tags/list?n=1&last=0"), ({ ask }) => ask("/v2/acme/new/tags/list?n=1")],
  "end-9": [
    ({ ask }) => ask("/v2/acme/app/manifests/1", { method: "DELETE" }),
    ({ ask }) => ask("/v2/acme/app/manifests/2", { method: "DELETE" }),
  ],
  "end-11": [
    ({ ask, layer }) => ask(`/v2/acme/new/blobs/uploads/?mount=${layer.digest}&from=acme/app`, { method: "POST" }),
    ({ ask, layer }) => ask(`/v2/blobs/uploads/?mount=${layer.digest}&from=acme/app`, { method: "POST" }),
  ],
  "end-12a": [
    ({ ask }) => ask(`/v2/acme/app/referrers/${nowhere}`),
    ({ ask }) => ask("/v2/acme/app/referrers/sha256:1"),
  ],
  "end-12b": [
    ({ ask }) => ask(`/v2/acme/app/referrers/${nowhere}?artifactType=a/b`),
    ({ ask }) => ask("/v2/acme/app/referrers/latest?artifactType=a/b"),
  ],
  "end-13": [async (at) => await at.ask(await upload(at)), ({ ask }) => ask("/v2/acme/new/blobs/uploads/none")],
  "end-14": [
    async (at) => await at.ask(await upload(at), { method: "DELETE" }),
    ({ ask }) => ask("/v2/acme/new/blobs/uploads/none", { method: "DELETE" }),
  ],
};

const endpoints = casesIn(
  "registry/distribution-spec-endpoints.json",
  z.object({ id: z.string(), success: z.string(), failure: z.string() }),
)
  // Blobs are shared between images: they are not deleted, which the specification allows.
  .filter(({ id }) => id !== "end-10");

test.runIf(cases !== undefined)("every endpoint of the specification is asked for", () => {
  expect(Object.keys(requests).toSorted()).toEqual(endpoints.map(({ id }) => id).toSorted());
});

const statuses = (text: string): readonly number[] => text.split("/").map(Number);

test.each(endpoints)("$id answers $success, or $failure", async ({ id, success, failure }) => {
  await using at = await served();
  const [ok, not] = requests[id] ?? [];
  expect(statuses(success)).toContain((await ok?.(at))?.status);
  expect(statuses(failure)).toContain((await not?.(at))?.status);
});

test("a blob cannot be deleted", async () => {
  await using at = await served();
  expect((await at.ask(`/v2/acme/app/blobs/${at.layer.digest}`, { method: "DELETE" })).status).toBe(405);
});
