import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { once } from "node:events";
import { basename } from "node:path";
import { LayoutStore, parseReference } from "@lading/oci";
import { type Auth, authorize } from "./auth.ts";
import { backingOf, type ServedContent } from "./backing.ts";
import { deleteBlob, sendBlob } from "./blobs.ts";
import { Catalog } from "./catalog.ts";
import type { Exchange } from "./exchange.ts";
import { sendCatalog, sendReferrers, sendTags } from "./lists.ts";
import { deleteManifest, putManifest, sendManifest } from "./manifests.ts";
import { Problem, problemOf, sendJson, sendProblem } from "./problem.ts";
import { type Operation, type Route, routeOf, type ServedRequest } from "./route.ts";
import { newTokenKey } from "./token.ts";
import { sendToken } from "./token-endpoint.ts";
import { cancelUpload, patchUpload, putUpload, sendUploadStatus, startUpload } from "./upload-requests.ts";
import { Uploads } from "./uploads.ts";

/** Comes before each answer; calling `next` gives the registry's own. Whoever does not call it has answered. */
export type Intercept = (
  request: ServedRequest,
  raw: { readonly request: IncomingMessage; readonly response: ServerResponse },
  next: () => Promise<void>,
) => Promise<void>;

/** What became of a request. */
export interface Access {
  readonly request: ServedRequest;
  readonly status: number;
  /** Milliseconds until the end of the answer. */
  readonly ms: number;
  /** What went wrong on this side, when that is why. */
  readonly error?: unknown;
}

export interface ServeOptions {
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, the kernel chooses. */
  readonly port?: number;
  /** Whether to take pushes and deletions. Default: false. */
  readonly writable?: boolean;
  /** The repository of tags that have no name before them. Default: the folder's name of a layout, else "image". */
  readonly name?: string;
  /** Certificate and key as PEM: then it speaks HTTPS only. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** Whom to let in. Default: everybody. */
  readonly auth?: Auth;
  /** The least bytes of an upload's chunk, told as OCI-Chunk-Min-Length. Default: none. */
  readonly minimalChunk?: number;
  readonly intercept?: Intercept;
  /** Called when an answer has ended. */
  readonly onAccess?: (access: Access) => void;
}

export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:34567`: what names begin with. */
  readonly host: string;
  readonly url: URL;
  /** What can be pulled, in the order of the store: `acme/app:1`, as it is written after the host; `acme/app@sha256:…` for what has no tag. */
  names(): Promise<readonly string[]>;
  /** Ends all connections and removes unfinished uploads. */
  close(): Promise<void>;
}

/**
 * Serves content as an OCI registry (distribution-spec 1.1). Throws SyntaxError for a name that is
 * none, TypeError when an archive is to be written, and what the system says of the address.
 */
export async function serve(content: ServedContent, options: ServeOptions = {}): Promise<RegistryServer> {
  const { host = "127.0.0.1", port = 0, writable = false, tls, auth, minimalChunk, intercept, onAccess } = options;
  const backing = backingOf(content);
  if (writable && backing.store === undefined) throw new TypeError("Cannot write to an archive: serve it read-only");
  const { registry, repository } = parseReference(options.name ?? defaultName(content));
  const catalog = new Catalog(backing, { registry, repository });
  const uploads = writable && backing.store !== undefined ? new Uploads(backing.store) : undefined;

  const key = newTokenKey();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const begun = performance.now();
    const gone = new AbortController();
    response.on("close", () => response.writableFinished || gone.abort());
    let route: Route | undefined;
    let failure: unknown;
    try {
      const asked = (route = routeOf(request));
      response.setHeader("docker-distribution-api-version", "registry/2.0");
      const next = async (): Promise<void> => {
        const realm = `${tls === undefined ? "http" : "https"}://${hostOf(request)}/token`;
        const mayPull = auth === undefined ? () => true : await authorize(asked, auth, key, realm);
        if (asked.operation === "token" && auth?.type === "token")
          return await sendToken({ route: asked, request, response }, auth, key);
        await handle({ route: asked, request, response, catalog, uploads, minimalChunk, mayPull, signal: gone.signal });
      };
      await (intercept === undefined ? next() : intercept(asked, { request, response }, next));
    } catch (error) {
      const problem = problemOf(error);
      if (problem.status >= 500 && !gone.signal.aborted) failure = error;
      sendProblem(response, problem);
    }
    if (route === undefined || onAccess === undefined) return;
    if (!response.writableFinished && !response.destroyed) await once(response, "close");
    onAccess({
      request: route,
      status: response.statusCode,
      ms: performance.now() - begun,
      ...(failure === undefined ? {} : { error: failure }),
    });
  };

  const listener = (request: IncomingMessage, response: ServerResponse): void => void answer(request, response);
  const server =
    tls === undefined ? createServer(listener) : createTlsServer({ cert: tls.cert, key: tls.key }, listener);
  // A blob takes as long as it takes; only silence ends a connection.
  server.requestTimeout = 0;
  server.setTimeout(10 * 60 * 1000);
  server.listen(port, host);
  await once(server, "listening");

  const close = async (): Promise<void> => {
    await closeServer(server);
    await uploads?.close();
  };
  const address = addressOf(server);
  return {
    host: address,
    url: new URL(`${tls === undefined ? "http" : "https"}://${address}/`),
    names: async () => await catalog.names(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

const handlers: Readonly<Record<Operation, Readonly<Record<string, (exchange: Exchange) => Promise<void>>>>> = {
  ping: { GET: sendPing, HEAD: sendPing },
  blob: { GET: sendBlob, HEAD: sendBlob, DELETE: deleteBlob },
  manifest: { GET: sendManifest, HEAD: sendManifest, PUT: putManifest, DELETE: deleteManifest },
  "start-upload": { POST: startUpload },
  mount: { POST: startUpload },
  "patch-upload": { PATCH: patchUpload },
  "put-upload": { PUT: putUpload },
  "upload-status": { GET: sendUploadStatus, HEAD: sendUploadStatus },
  "cancel-upload": { DELETE: cancelUpload },
  tags: { GET: sendTags, HEAD: sendTags },
  referrers: { GET: sendReferrers, HEAD: sendReferrers },
  catalog: { GET: sendCatalog, HEAD: sendCatalog },
  token: {},
  other: {},
};

async function handle(exchange: Exchange): Promise<void> {
  const { operation, method } = exchange.route;
  const methods = handlers[operation];
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (handler !== undefined) return await handler(exchange);
  if (Object.keys(methods).length === 0)
    throw new Problem(404, "UNSUPPORTED", "Cannot find this path: no endpoint of the distribution-spec");
  throw new Problem(405, "UNSUPPORTED", `Cannot ${method} this path`, {
    headers: { allow: Object.keys(methods).join(", ") },
  });
}

async function sendPing({ response }: Exchange): Promise<void> {
  sendJson(response, 200, {});
}

// Behind 0.0.0.0 only the client knows under which name it came.
function hostOf({ headers, socket }: IncomingMessage): string {
  const { host = "" } = headers;
  return /^[A-Za-z0-9.:[\]-]+$/.test(host) ? host : `${socket.localAddress}:${socket.localPort}`;
}

function defaultName(content: ServedContent): string {
  if (!(content instanceof LayoutStore)) return "image";
  const name = basename(content.directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return name === "" ? "image" : name;
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("Cannot tell the address of the server");
  return `${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}

async function closeServer(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  server.closeAllConnections();
  await closed.promise;
}
