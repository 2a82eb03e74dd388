import { type Injection, instead, lostAnswer, refusal, reset, resetUpload, silence } from "./fault.ts";
import {
  manifestGet,
  blobGet,
  uploadPost,
  uploadPut,
  manifestPut,
  tagsGet,
  targets,
  once,
  twice,
  always,
  mebibyte,
  survives,
  refuses,
  fault,
  html,
  type RegistryFault,
} from "./registry-fault.ts";

export const statuses: readonly RegistryFault[] = targets.flatMap((target) =>
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

export const pauses: readonly RegistryFault[] = targets.flatMap((target) => [
  fault(target, "429 with Retry-After in seconds", once, tooMany("2"), survives, { waits: 2000 }),
  fault(target, "429 with Retry-After as a date", once, waitForDate, survives, { waits: 1000 }),
  fault(target, "429 with a Retry-After of no sense", once, tooMany("soon"), survives),
  fault(target, "429 with Retry-After of a day", always, tooMany("86400"), refuses("RATE_LIMITED")),
  fault(target, "503 with Retry-After", once, refusal(503, "UNKNOWN", { "retry-after": "2" }), survives, {
    waits: 2000,
  }),
]);

export const connections: readonly RegistryFault[] = [
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

export const errorBodies: readonly RegistryFault[] = [manifestGet, blobGet, uploadPost, uploadPut, tagsGet].flatMap(
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
