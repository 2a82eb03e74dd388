import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import { join } from "node:path";
import { copy, LayoutStore, parseReference } from "@lading/oci";
import { RegistryClient } from "@lading/registry-client";
import { randomImage, type RandomImage, type RandomImageOptions, type TestRegistry } from "@lading/testkit";
import type { Intercept } from "@lading/registry-server";
import { attempt, type AttemptOptions, expectRefusal, type Outcome, type Refusal, type Workspace } from "./attempt.ts";

/** The home of somebody who is logged in nowhere and has configured nothing, in a workspace. */
export async function atHome(
  place: Workspace,
  files: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, string>>> {
  const home = await mkdtemp(join(place.path, "..", "home-"));
  const prefix = join("..", home.slice(home.lastIndexOf("/") + 1));
  await place.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [join(prefix, name), text])));
  const unset = { XDG_CONFIG_HOME: "", DOCKER_CONFIG: "", DOCKER_AUTH_CONFIG: "", REGISTRY_AUTH_FILE: "" };
  return { ...unset, HOME: home, XDG_RUNTIME_DIR: join(home, "run") };
}

/** Runs the command as `attempt` does, at a home of its own. */
export async function run(
  place: Workspace,
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
  options: AttemptOptions = {},
): Promise<Outcome> {
  const env = { ...(await atHome(place, files)), ...options.env };
  return await attempt(place, args, { ...options, env });
}

/** The command is refused, and no message is careless: no value that was meant to be text, no secret. */
export function expectTold(outcome: Outcome, refusal: Refusal): void {
  expectRefusal(outcome, refusal);
  const words = /\bundefined\b|\[object |\bNaN\b|node:|OpenSSL|SSL routines|ENOENT: |"code":|s3cret/;
  const found = words.exec(outcome.stderr)?.[0];
  if (found !== undefined) throw new Error(`"${found}" is no word for users: ${outcome.stderr}`);
}

/** Puts an image nobody has seen before into a registry. */
export async function fill(
  registry: Pick<TestRegistry, "host">,
  name: string,
  options?: RandomImageOptions,
): Promise<RandomImage> {
  const image = await randomImage(options);
  await using client = await RegistryClient.open();
  const reference = parseReference(`${registry.host}/${name}`);
  const repository = client.repository(reference);
  await copy(image.source, repository, image.descriptor);
  await repository.tag(image.descriptor, reference.tag ?? "latest");
  return image;
}

/** Writes an image nobody has seen before to oci:layout:1. */
export async function layout(place: Workspace, options?: RandomImageOptions): Promise<RandomImage> {
  const image = await randomImage(options);
  const store = await LayoutStore.create(join(place.path, "layout"));
  await copy(image.source, store, image.descriptor);
  await store.tag(image.descriptor, "1");
  return image;
}

/** Answers with an error of the distribution-spec. */
export function refusing(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Intercept {
  return async (_, { request, response }) => {
    for await (const __ of request);
    const body = JSON.stringify({ errors: [{ code, message }] });
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

export interface Web extends AsyncDisposable {
  /** `127.0.0.1:34567`. */
  readonly host: string;
  readonly server: Server;
}

/** A server that is no registry. */
export async function startWeb(answer: RequestListener, tls?: ServerOptions): Promise<Web> {
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("Cannot tell the address of the server");
  return {
    host: `127.0.0.1:${address.port}`,
    server,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Docker's config.json with a user and a password of a registry. */
export function loggedIn(host: string, user: string): Readonly<Record<string, string>> {
  const auth = Buffer.from(user).toString("base64");
  return { ".docker/config.json": JSON.stringify({ auths: { [host]: { auth } } }) };
}
