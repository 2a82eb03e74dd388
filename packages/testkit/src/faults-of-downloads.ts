import { gzipSync } from "node:zlib";
import { type Digest, mediaTypes } from "@lading/oci";
import type { ServedRequest } from "@lading/registry-server";
import { brokenBody, changed, type FaultScene, type Injection, instead, redirect, refusal, send } from "./fault.ts";
import {
  manifestHead,
  manifestGet,
  blobGet,
  blobHead,
  uploadPut,
  manifestPut,
  tagsGet,
  referrersGet,
  once,
  always,
  mebibyte,
  type Outcome,
  survives,
  refuses,
  fault,
  half,
  withHeader,
  html,
  type RegistryFault,
} from "./registry-fault.ts";

const flipped = changed(({ body }) => {
  const wrong = Buffer.from(body);
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
  return { body: wrong };
});
const longer = changed(({ headers, body }) => ({
  headers: { ...headers, "content-length": body.byteLength + 10 },
  body: Buffer.concat([body, Buffer.alloc(10)]),
}));
const shorter = changed(({ headers, body }) => ({
  headers: { ...headers, "content-length": body.byteLength - 10 },
  body: body.subarray(0, -10),
}));
const chunked = changed(() => ({ headers: { "content-length": undefined } }));
const gzipped = changed(({ headers, body }) => {
  const packed = gzipSync(body);
  return { headers: { ...headers, "content-length": packed.byteLength, "content-encoding": "gzip" }, body: packed };
});

export const bodies: readonly RegistryFault[] = [
  ...[manifestGet, blobGet, tagsGet, referrersGet].flatMap((target) => [
    fault(target, "reset in the body", once, brokenBody(half, "reset"), survives),
    fault(target, "body ends early", once, brokenBody(half, "close"), survives),
    fault(target, "body stalls", once, brokenBody(half, "stall"), survives),
    fault(target, "no Content-Length", always, chunked, survives),
  ]),
  fault(manifestGet, "body ends early", always, brokenBody(half, "close"), refuses("UNAVAILABLE")),
  fault(
    blobGet,
    "body stalls at its start",
    always,
    brokenBody(() => 0, "stall"),
    refuses("UNAVAILABLE"),
  ),
  fault(
    blobGet,
    "stops after 1.2 MiB",
    always,
    brokenBody(() => 1.2 * mebibyte, "reset", true),
    survives,
    {
      layerSize: 4 * mebibyte,
    },
  ),
  fault(blobGet, "wrong bytes", once, flipped, survives),
  fault(blobGet, "wrong bytes", always, flipped, refuses("DIGEST_MISMATCH")),
  fault(blobGet, "too many bytes", once, longer, survives),
  fault(blobGet, "too many bytes", always, longer, refuses("SIZE_MISMATCH")),
  fault(blobGet, "Content-Length and body too short", once, shorter, survives),
  fault(blobGet, "gzip as Content-Encoding", always, gzipped, refuses("SIZE_MISMATCH")),
  fault(manifestGet, "wrong bytes", once, flipped, survives),
  fault(manifestGet, "wrong bytes", always, flipped, refuses("DIGEST_MISMATCH")),
  fault(manifestGet, "gzip as Content-Encoding", always, gzipped, survives),
  fault(manifestHead, "no Content-Length", always, chunked, survives),
];

const wrongDigest: Digest = `sha256:${"0".repeat(64)}`;

export const headers: readonly RegistryFault[] = [
  ...[manifestHead, manifestGet, blobGet, manifestPut, uploadPut].map((target) =>
    fault(target, "no Docker-Content-Digest", always, withHeader("docker-content-digest", undefined), survives),
  ),
  ...[manifestGet, manifestPut, uploadPut].map((target) =>
    fault(
      target,
      "wrong Docker-Content-Digest",
      always,
      withHeader("docker-content-digest", wrongDigest),
      refuses("INVALID_RESPONSE"),
    ),
  ),
  fault(manifestGet, "no Content-Type", always, withHeader("content-type", undefined), survives),
  fault(manifestGet, "Content-Type of JSON", always, withHeader("content-type", "application/json"), survives),
  fault(
    manifestGet,
    "Content-Type with charset",
    always,
    withHeader("content-type", `${mediaTypes.ociManifest}; charset=utf-8`),
    survives,
  ),
  fault(
    manifestGet,
    "Content-Type of an index",
    always,
    withHeader("content-type", mediaTypes.ociIndex),
    refuses("INVALID_RESPONSE"),
  ),
  fault(
    manifestGet,
    "an HTML page with 200",
    always,
    instead(200, { "content-type": "text/html" }, html),
    refuses("INVALID_RESPONSE"),
  ),
  fault(
    tagsGet,
    "an HTML page with 200",
    always,
    instead(200, { "content-type": "text/html" }, html),
    refuses("INVALID_RESPONSE"),
  ),
];

/** The first answer breaks off; the request for the rest gets something else. */
function resumedWith(
  name: string,
  inject: Injection,
  outcome: Outcome,
  rest: Partial<RegistryFault> = {},
): RegistryFault {
  return fault(
    blobGet,
    `cut, then ${name}`,
    always,
    async (scene) => {
      if (scene.count === 0) await brokenBody(half, "reset")(scene);
      else if (scene.request.headers.range === undefined) await send(scene.raw, await scene.answer());
      else await inject(scene);
    },
    outcome,
    { layerSize: 300_000, ...rest },
  );
}

// A server that never heard of Range.
const whole: Injection = async (scene) => {
  delete scene.raw.request.headers.range;
  await send(scene.raw, await scene.answer());
};
const otherPart = changed(({ headers, body }) => ({
  headers: { ...headers, "content-range": String(headers["content-range"]).replace(/\d+/, "0") },
  body,
}));
const expired: Injection = async (scene) => {
  if (scene.count > 1) return await send(scene.raw, await scene.answer());
  delete scene.raw.request.headers.authorization;
  await send(scene.raw, await scene.answer());
};

export const resumption: readonly RegistryFault[] = [
  resumedWith("200 for a Range", whole, survives),
  resumedWith("206 from elsewhere", otherPart, survives),
  resumedWith("206 without Content-Range", withHeader("content-range", undefined), survives),
  resumedWith("416", refusal(416, "UNKNOWN"), survives),
  resumedWith("401, for the token ran out", expired, survives, { auth: "token" }),
  resumedWith(
    "503",
    async (scene) => (scene.count === 1 ? refusal(503, "UNKNOWN")(scene) : send(scene.raw, await scene.answer())),
    survives,
  ),
];

export const disabled: readonly RegistryFault[] = [
  fault(manifestHead, "403", always, refusal(403, "DENIED"), survives),
  fault(manifestHead, "405", always, refusal(405, "UNSUPPORTED"), survives),
  fault(blobHead, "403", always, refusal(403, "DENIED"), survives),
  fault(blobHead, "405", always, refusal(405, "UNSUPPORTED"), survives),
];

const unmoved = (request: ServedRequest): boolean => !request.url.includes("moved");
const elsewhere = (scene: FaultScene, hostname: string): string => {
  const url = new URL(scene.request.url, scene.other);
  url.hostname = hostname;
  return url.href;
};

export const redirects: readonly RegistryFault[] = [blobGet, manifestGet].flatMap((target) => [
  fault(
    target,
    "307 to the same host",
    always,
    redirect(({ request }) => `${request.url}?moved`),
    survives,
    { only: unmoved },
  ),
  fault(
    target,
    "307 to another port",
    always,
    redirect((scene) => elsewhere(scene, "127.0.0.1")),
    survives,
  ),
  fault(
    target,
    "307 to another host",
    always,
    redirect((scene) => elsewhere(scene, "localhost")),
    survives,
  ),
  fault(
    target,
    "307 in a circle",
    always,
    redirect(({ request }) => request.url),
    refuses("INVALID_RESPONSE"),
  ),
  fault(
    target,
    "307 for 21 times",
    always,
    redirect(({ request, count }) => `${request.url.split("?")[0]}?moved=${count}`),
    refuses("INVALID_RESPONSE"),
    {
      only: ({ url }) => !url.endsWith("moved=21"),
    },
  ),
  fault(target, "307 without Location", always, instead(307), refuses("INVALID_RESPONSE")),
  fault(
    target,
    "307 to a metadata service",
    always,
    redirect(() => "http://169.254.169.254/latest/"),
    refuses("UNSAFE_URL"),
  ),
  fault(
    target,
    "307 to a file",
    always,
    redirect(() => "file:///etc/passwd"),
    refuses("UNSAFE_URL"),
  ),
]);
