import { changed, type FaultScene, type Injection, instead, refusal, resetUpload, send } from "./fault.ts";
import {
  type Target,
  manifestHead,
  uploadPost,
  uploadPut,
  manifestPut,
  always,
  mebibyte,
  survives,
  refuses,
  fault,
  withHeader,
  type RegistryFault,
} from "./registry-fault.ts";

const location = (change: (location: string, scene: FaultScene) => string | undefined): Injection =>
  changed(({ headers }, scene) => ({ headers: { ...headers, location: change(String(headers["location"]), scene) } }));

export const locations: readonly RegistryFault[] = [
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

export const chunks: readonly RegistryFault[] = [
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

export const cuts: readonly RegistryFault[] = [
  inChunks("a chunk is cut, Range with a unit", cutThen(range((last) => `bytes=0-${last}`))),
  inChunks("a chunk is cut, Range one too high", cutThen(range((last) => `0-${last + 1}`))),
  inChunks("a chunk is cut", cutThen(range((last) => `0-${last}`))),
];

export const forms: readonly RegistryFault[] = [
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

export const mounts: readonly RegistryFault[] = [
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
