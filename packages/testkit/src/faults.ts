import { gzipSync } from "node:zlib";
import { type Digest, mediaTypes } from "@lading/oci";
import type { Operation, ServedRequest } from "@lading/registry-server";
import {
  brokenBody,
  changed,
  type FaultScene,
  type Injection,
  instead,
  lostAnswer,
  redirect,
  refusal,
  reset,
  resetUpload,
  send,
  silence,
} from "./fault.ts";

/** One way in which a registry, or what lies between, goes wrong, and what a client is to make of it. */
export interface RegistryFault {
  readonly name: string;
  /** What the client is doing: pushing, pulling, listing tags, or copying within the registry. */
  readonly during: "push" | "pull" | "tags" | "mount";
  /** The requests that go wrong. */
  readonly operation: Operation | readonly Operation[];
  readonly method?: string;
  /** Tells apart requests of the operation. */
  readonly only?: (request: ServedRequest) => boolean;
  /** How many requests go wrong; Infinity for all. */
  readonly times: number;
  readonly inject: Injection;
  /** Whether the client gets done what it was to do, or says why not. */
  readonly outcome: "survives" | "refuses";
  /** The code of the error, or of one of its causes, when it refuses. */
  readonly code?: string;
  /** Bytes of a layer; small ones when not given. */
  readonly layerSize?: number;
  /** Milliseconds that the client has to wait in all, at least. */
  readonly waits?: number;
  /** How the registry asks who it is; Basic when not given. */
  readonly auth?: "token";
}

interface Target {
  readonly label: string;
  readonly during: RegistryFault["during"];
  readonly operation: Operation;
  readonly method: string;
}

const manifestHead: Target = { label: "manifest HEAD", during: "pull", operation: "manifest", method: "HEAD" };
const manifestGet: Target = { label: "manifest GET", during: "pull", operation: "manifest", method: "GET" };
const blobGet: Target = { label: "blob GET", during: "pull", operation: "blob", method: "GET" };
const blobHead: Target = { label: "blob HEAD", during: "push", operation: "blob", method: "HEAD" };
const uploadPost: Target = { label: "upload POST", during: "push", operation: "start-upload", method: "POST" };
const uploadPut: Target = { label: "upload PUT", during: "push", operation: "put-upload", method: "PUT" };
const manifestPut: Target = { label: "manifest PUT", during: "push", operation: "manifest", method: "PUT" };
const tagsGet: Target = { label: "tags GET", during: "tags", operation: "tags", method: "GET" };

const targets: readonly Target[] = [
  manifestHead,
  manifestGet,
  blobGet,
  blobHead,
  uploadPost,
  uploadPut,
  manifestPut,
  tagsGet,
];
const once = 1;
const twice = 2;
const always = Infinity;
const mebibyte = 1024 * 1024;

type Outcome = Pick<RegistryFault, "outcome" | "code">;
const survives: Outcome = { outcome: "survives" };
const refuses = (code: string): Outcome => ({ outcome: "refuses", code });

function fault(
  { label, ...target }: Target,
  name: string,
  times: number,
  inject: Injection,
  outcome: Outcome,
  rest: Partial<RegistryFault> = {},
): RegistryFault {
  const often = times === once ? "once" : times === twice ? "twice" : "always";
  return { name: `${label}: ${name}, ${often}`, times, inject, ...target, ...outcome, ...rest };
}

const statuses: readonly RegistryFault[] = targets.flatMap((target) =>
  [408, 425, 429, 500, 502, 503, 504].flatMap((status) => {
    const inject = refusal(status, status === 429 ? "TOOMANYREQUESTS" : "UNKNOWN");
    const code = status === 429 ? "RATE_LIMITED" : "UNAVAILABLE";
    return [
      fault(target, String(status), once, inject, survives),
      fault(target, String(status), twice, inject, survives),
      fault(target, String(status), always, inject, refuses(code)),
    ];
  }),
);

const tooMany = (retryAfter: string): Injection => refusal(429, "TOOMANYREQUESTS", { "retry-after": retryAfter });
const waitForDate: Injection = (scene) => tooMany(new Date(Date.now() + 4000).toUTCString())(scene);

const pauses: readonly RegistryFault[] = targets.flatMap((target) => [
  fault(target, "429 with Retry-After in seconds", once, tooMany("2"), survives, { waits: 2000 }),
  fault(target, "429 with Retry-After as a date", once, waitForDate, survives, { waits: 1000 }),
  fault(target, "429 with a Retry-After of no sense", once, tooMany("soon"), survives),
  fault(target, "429 with Retry-After of a day", always, tooMany("86400"), refuses("RATE_LIMITED")),
  fault(target, "503 with Retry-After", once, refusal(503, "UNKNOWN", { "retry-after": "2" }), survives, {
    waits: 2000,
  }),
]);

const connections: readonly RegistryFault[] = [
  ...targets.flatMap((target) => [
    fault(target, "reset before the headers", once, reset, survives),
    fault(target, "reset before the headers", twice, reset, survives),
    fault(target, "reset before the headers", always, reset, refuses("UNAVAILABLE")),
  ]),
  // A client gives the registry a minute to hash what it got, so no PUT of a blob.
  ...targets
    .filter((target) => target !== uploadPut)
    .map((target) => fault(target, "no answer", once, silence, survives)),
  fault(blobGet, "no answer", always, silence, refuses("UNAVAILABLE")),
  fault(uploadPut, "the body is not read", once, silence, survives, {
    // More than the kernel's buffers take in.
    layerSize: 24 * mebibyte,
    only: ({ headers }) => Number(headers["content-length"]) > mebibyte,
  }),
  fault(uploadPut, "the answer is lost", once, lostAnswer, survives),
  fault(manifestPut, "the answer is lost", once, lostAnswer, survives),
  fault(uploadPost, "the answer is lost", once, lostAnswer, survives),
  fault(uploadPut, "reset after 1 MiB", once, resetUpload(mebibyte), survives, { layerSize: 3 * mebibyte }),
  {
    name: "every upload of more than 1 MiB is reset",
    during: "push",
    operation: ["put-upload", "patch-upload"],
    times: always,
    inject: resetUpload(mebibyte + 1),
    layerSize: 3 * mebibyte,
    outcome: "survives",
  },
];

const half = (size: number): number => Math.floor(size / 2);
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

const bodies: readonly RegistryFault[] = [
  ...[manifestGet, blobGet, tagsGet].flatMap((target) => [
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
const withHeader = (name: string, value: string | undefined): Injection =>
  changed(() => ({ headers: { [name]: value } }));
const html = "<!doctype html><title>Sign in</title>";

const headers: readonly RegistryFault[] = [
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

const errorBodies: readonly RegistryFault[] = [manifestGet, blobGet, uploadPost, uploadPut, tagsGet].flatMap(
  (target) => [
    fault(target, "503 with an HTML page", once, instead(503, { "content-type": "text/html" }, html), survives),
    fault(
      target,
      "503 with an HTML page",
      always,
      instead(503, { "content-type": "text/html" }, html),
      refuses("UNAVAILABLE"),
    ),
    fault(target, "503 with nothing", once, instead(503), survives),
    fault(target, "500 with 10 MB", once, instead(500, {}, Buffer.alloc(10_000_000, "x")), survives),
    fault(target, "500 with 10 MB", always, instead(500, {}, Buffer.alloc(10_000_000, "x")), refuses("UNAVAILABLE")),
  ],
);

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

const resumption: readonly RegistryFault[] = [
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

const disabled: readonly RegistryFault[] = [
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

const redirects: readonly RegistryFault[] = [blobGet, manifestGet].flatMap((target) => [
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

const location = (change: (location: string, scene: FaultScene) => string | undefined): Injection =>
  changed(({ headers }, scene) => ({ headers: { ...headers, location: change(String(headers["location"]), scene) } }));

const locations: readonly RegistryFault[] = [
  fault(
    uploadPost,
    "Location absolute",
    always,
    location((path, { raw }) => `http://${raw.request.headers.host}${path}`),
    survives,
  ),
  fault(
    uploadPost,
    "Location relative to the request",
    always,
    location((path) => `./${path.split("/").at(-1)}`),
    survives,
  ),
  fault(
    uploadPost,
    "Location with a query",
    always,
    location((path) => `${path}?_state=a%2Fb%3D%3D&x`),
    survives,
  ),
  fault(
    uploadPost,
    "Location with a fragment",
    always,
    location((path) => `${path}#part`),
    survives,
  ),
  fault(
    uploadPost,
    "Location on another port",
    always,
    location((path, { other }) => new URL(path, other).href),
    survives,
  ),
  fault(
    uploadPost,
    "Location on another host",
    always,
    location((path, { other }) => `http://localhost:${other.port}${path}`),
    survives,
  ),
  fault(
    uploadPost,
    "Location of a metadata service",
    always,
    location(() => "http://169.254.169.254/"),
    refuses("UNSAFE_URL"),
  ),
  fault(
    uploadPost,
    "Location missing",
    always,
    location(() => undefined),
    refuses("INVALID_RESPONSE"),
  ),
  fault(
    uploadPost,
    "Location of no sense",
    always,
    location(() => "http://["),
    refuses("INVALID_RESPONSE"),
  ),
];

/** A registry that takes nothing but chunks, and answers as told. */
function inChunks(name: string, inject: Injection): RegistryFault {
  return {
    name: `uploads in chunks: ${name}`,
    during: "push",
    operation: ["put-upload", "patch-upload", "upload-status"],
    times: always,
    inject: async (scene) => {
      const { headers, method } = scene.request;
      const isWhole = headers["content-range"] === undefined && headers["content-length"] !== "0";
      if ((method === "PUT" || method === "PATCH") && isWhole) await refusal(405, "UNSUPPORTED")(scene);
      else if (method === "PUT") await send(scene.raw, await scene.answer());
      else await inject(scene);
    },
    layerSize: 3 * mebibyte,
    outcome: "survives",
  };
}

const range = (change: (last: number) => string | undefined): Injection =>
  // Of a 416 it is right everywhere, or nobody could go on.
  changed(({ status, headers }) =>
    status === 416 ? {} : { headers: { ...headers, range: change(Number(String(headers["range"]).split("-")[1])) } },
  );
/** The second chunk is cut once; what the registry says of it then has the form given. */
const cutThen = (form: Injection): Injection => {
  const done = new WeakSet<URL>();
  return async (scene) => {
    const { request, other } = scene;
    const second = request.method === "PATCH" && request.headers["content-range"]?.startsWith("1048576-") === true;
    if (!second || done.has(other)) return await form(scene);
    done.add(other);
    await resetUpload(1000)(scene);
  };
};

const chunks: readonly RegistryFault[] = [
  inChunks(
    "as the specification has it",
    range((last) => `0-${last}`),
  ),
  inChunks(
    "Range with a unit",
    range((last) => `bytes=0-${last}`),
  ),
  inChunks(
    "Range one too high",
    range((last) => `0-${last + 1}`),
  ),
  inChunks(
    "Range always 0-0",
    range(() => "0-0"),
  ),
  inChunks(
    "Range always 0--1",
    range(() => "0--1"),
  ),
  inChunks(
    "no Range",
    range(() => undefined),
  ),
  inChunks(
    "201 for a PATCH",
    changed(({ status }) => ({ status: status === 202 ? 201 : status })),
  ),
  inChunks(
    "204 for a PATCH",
    changed(({ status, headers }) => ({
      status: status === 202 ? 204 : status,
      headers: { ...headers, "content-length": undefined },
    })),
  ),
  inChunks("OCI-Chunk-Min-Length", withHeader("oci-chunk-min-length", "2097152")),
];

const forms: readonly RegistryFault[] = [
  ...[200, 202, 204].map((status) =>
    fault(
      uploadPut,
      `${status} instead of 201`,
      always,
      changed(() => ({ status, headers: { "content-length": status === 204 ? undefined : 0 } })),
      survives,
    ),
  ),
  ...[200, 202, 204].map((status) =>
    fault(
      manifestPut,
      `${status} instead of 201`,
      always,
      changed(() => ({ status, headers: { "content-length": status === 204 ? undefined : 0 } })),
      survives,
    ),
  ),
  fault(uploadPut, "405 for what is not empty", always, refusal(405, "UNSUPPORTED"), survives, {
    only: ({ headers }) => headers["content-length"] !== "0",
  }),
  fault(uploadPut, "413", always, refusal(413, "SIZE_INVALID"), survives, {
    only: ({ headers }) => Number(headers["content-length"]) > 1.5 * mebibyte,
    layerSize: 3 * mebibyte,
  }),
  fault(manifestPut, "400", always, refusal(400, "MANIFEST_INVALID"), refuses("REFUSED")),
  fault(manifestPut, "413", always, refusal(413, "SIZE_INVALID"), refuses("REFUSED")),
  fault(uploadPost, "403", always, refusal(403, "DENIED"), refuses("DENIED")),
  fault(uploadPost, "404", always, refusal(404, "NAME_UNKNOWN"), refuses("NOT_FOUND")),
  fault(manifestHead, "404", always, refusal(404, "MANIFEST_UNKNOWN"), refuses("NOT_FOUND")),
  fault(manifestHead, "404 with nothing", always, instead(404), refuses("NOT_FOUND")),
];

const mountPost: Target = { label: "mount", during: "mount", operation: "mount", method: "POST" };
const uploadInstead: Injection = async (scene) =>
  send(scene.raw, await scene.answer(scene.request.url.replace(/\?.*$/, "")));

const mounts: readonly RegistryFault[] = [
  fault(mountPost, "201", always, async (scene) => send(scene.raw, await scene.answer()), survives),
  fault(mountPost, "202", always, uploadInstead, survives),
  ...[400, 401, 403, 404, 405, 500].map((status) =>
    fault(
      mountPost,
      String(status),
      always,
      refusal(status, "UNSUPPORTED", status === 401 ? { "www-authenticate": 'Basic realm="registry"' } : {}),
      survives,
    ),
  ),
];

/** Two tags a page, each with a Link of the form given. */
function linked(name: string, link: (next: string, scene: FaultScene) => string, outcome: Outcome): RegistryFault {
  return fault(
    tagsGet,
    name,
    always,
    async (scene) => {
      const last = new URL(scene.request.url, scene.other).searchParams.get("last");
      const path = scene.request.url.split("?")[0] ?? "";
      const answer = await scene.answer(`${path}?n=2${last === null ? "" : `&last=${last}`}`);
      const next = /<([^>]*)>/.exec(String(answer.headers["link"] ?? ""))?.[1];
      const headers = { ...answer.headers, link: next === undefined ? undefined : link(next, scene) };
      await send(scene.raw, { ...answer, headers });
    },
    outcome,
  );
}

const links: readonly RegistryFault[] = [
  linked("Link relative", (next) => `<${next}>; rel="next"`, survives),
  linked("Link relative to the page", (next) => `<list${next.slice(next.indexOf("?"))}>; rel="next"`, survives),
  linked("Link absolute", (next, { raw }) => `<http://${raw.request.headers.host}${next}>; rel="next"`, survives),
  linked("Link without quotes", (next) => `<${next}>; rel=next`, survives),
  linked("Link after others", (next) => `</first>; rel="first", <${next}>; title="a, b"; rel="last next"`, survives),
  linked(
    "Link to another host",
    (next, { other }) => `<${new URL(next, other).href}>; rel="next"`,
    refuses("UNSAFE_URL"),
  ),
  linked("Link to itself", (_next, { request }) => `<${request.url}>; rel="next"`, refuses("INVALID_RESPONSE")),
];

/** Every way in which registries were seen or are feared to fail. */
export const registryFaults: readonly RegistryFault[] = [
  ...statuses,
  ...pauses,
  ...connections,
  ...bodies,
  ...headers,
  ...errorBodies,
  ...resumption,
  ...disabled,
  ...redirects,
  ...locations,
  ...chunks,
  ...forms,
  ...mounts,
  ...links,
  ...[range((last) => `bytes=0-${last}`), range((last) => `0-${last + 1}`), range((last) => `0-${last}`)].map(
    (form, i) => inChunks(`a chunk is cut, Range of form ${i + 1}`, cutThen(form)),
  ),
];

/** Whether a request is one that the fault is about. */
export function isAffected({ operation, method, only }: RegistryFault, request: ServedRequest): boolean {
  const operations: readonly Operation[] = typeof operation === "string" ? [operation] : operation;
  return (
    operations.includes(request.operation) &&
    (method === undefined || method === request.method) &&
    (only === undefined || only(request))
  );
}
