import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { digestHex, LayoutStore, mediaTypes, MemoryStore, parseReference } from "@lading/oci";
import { RegistryClient } from "@lading/registry-client";
import { serve } from "@lading/registry-server";
import { startRegistry } from "@lading/testkit";
import { describe, expect, test } from "vitest";
import { expectRefusal, small } from "./attempt.ts";
import { expectTold, fill, layout, loggedIn, refusing, run, startWeb } from "./registry-server.ts";

const check = (username: string, password: string): boolean => username === "ada" && password === "right";
const zeros = `sha256:${"0".repeat(64)}`;

describe.each(["basic", "token"] as const)("a registry that wants %s authentication", (type) => {
  test("says to log in when there are no credentials, for every command", async () => {
    await using place = await small();
    await using registry = await startRegistry({ auth: { type, check } });
    const name = `${registry.host}/acme/app`;
    await layout(place);
    for (const args of [
      ["pull", `${name}:1`],
      ["digest", `${name}:1`],
      ["inspect", `${name}:1`],
      ["delete", `${name}:1`],
      ["referrers", `${name}:1`],
      ["tags", name],
      ["push", "oci:layout:1", `${name}:1`],
      ["copy", `${name}:1`, "oci:copy"],
    ])
      expectTold(await run(place, args), { says: [name, "401 ", `"lading login ${registry.host}"`] });
  });

  test("names where wrong credentials come from, and never the secret", async () => {
    await using place = await small();
    await using registry = await startRegistry({ auth: { type, check } });
    await layout(place);
    const name = `${registry.host}/acme/app:1`;
    for (const args of [
      ["pull", name],
      ["push", "oci:layout:1", name],
    ])
      expectTold(await run(place, args, loggedIn(registry.host, "ada:s3cret")), {
        says: [name, "401", `hint: The credentials come from auths "${registry.host}" of `, ".docker/config.json"],
      });
  });

  test("takes no wrong password at login, and nothing is kept", async () => {
    await using place = await small();
    await using registry = await startRegistry({ auth: { type, check } });
    const stdin = { through: ["sh", "-c", 'echo s3cret | "$0" "$@"'] };
    expectTold(await run(place, ["login", "-u", "ada", "--password-stdin", registry.host], {}, stdin), {
      says: [`Cannot log in to ${registry.host}`, "401", "hint: Check user and password"],
    });
  });
});

test("an empty password is refused before a registry is asked", async () => {
  await using place = await small();
  await using registry = await startRegistry({ auth: { type: "basic", check } });
  for (const input of ["", "\\n"]) {
    const stdin = { through: ["sh", "-c", `printf '${input}' | "$0" "$@"`] };
    expectTold(await run(place, ["login", "-u", "ada", "--password-stdin", registry.host], {}, stdin), {
      says: "Cannot read a password from stdin: it is empty",
      status: 2,
    });
  }
  expect(registry.requests).toEqual([]);
});

test("what is not there is named, with what to do", async () => {
  await using place = await small();
  await using registry = await startRegistry();
  await fill(registry, "acme/app:1");
  const host = registry.host;
  for (const name of [`${host}/none/at/all:1`, `${host}/acme/app:9`, `${host}/acme/app@${zeros}`])
    for (const command of ["pull", "digest", "inspect", "referrers"])
      expectTold(await run(place, [command, name]), {
        says: [`Cannot find ${name}`, "404 Not Found", "hint: Check the name", "lading tags"],
      });
  expectTold(await run(place, ["tags", `${host}/none/at/all`]), {
    says: [`Cannot find the tags of ${host}/none/at/all`, "404 NAME_UNKNOWN", "hint: Check the name"],
  });
});

test("a platform that is not there is refused with the image's name and the platforms there are", async () => {
  await using place = await small();
  await using registry = await startRegistry();
  const name = `${registry.host}/acme/app:1`;
  await fill(registry, "acme/app:1", { platforms: ["linux/amd64", "linux/arm64"] });
  for (const args of [
    ["pull", "--platform", "linux/s390x", name],
    ["inspect", "--platform", "linux/s390x", name],
    ["copy", "--platform", "linux/s390x", name, "oci:copy"],
    ["build", "--platform", "linux/s390x", "--from", name, "-o", "oci:copy"],
  ])
    expectTold(await run(place, args), { says: [name, "linux/s390x", "linux/amd64, linux/arm64"] });
});

test("what a registry denies is told in its words", async () => {
  await using place = await small();
  await using registry = await startRegistry({ intercept: refusing(403, "DENIED", "no access for you") });
  await layout(place);
  const name = `${registry.host}/acme/app:1`;
  for (const args of [
    ["pull", name],
    ["delete", name],
    ["push", "oci:layout:1", name],
  ])
    expectTold(await run(place, args), { says: [name, "403 DENIED: no access for you", "hint: Nobody is logged in"] });
});

test("a full quota is not taken for a login that is missing", async () => {
  await using place = await small();
  const full = refusing(403, "DENIED", "adding 1 GiB of storage resource will exceed the upper limit of 10 GiB");
  await using registry = await startRegistry({
    intercept: async (request, raw, next) =>
      await (request.operation === "start-upload" ? full(request, raw, next) : next()),
  });
  await layout(place);
  expectTold(await run(place, ["push", "oci:layout:1", `${registry.host}/acme/app:1`]), {
    says: [`Cannot push ${registry.host}/acme/app:1`, "upper limit of 10 GiB", "hint: Make room in"],
  });
});

test.concurrent.each([
  ["without Retry-After", 429, {}, "(after 6 attempts)"],
  ["with a Retry-After of a second", 429, { "retry-after": "1" }, "(after 6 attempts)"],
  ["with a Retry-After of a day", 429, { "retry-after": "86400" }, "(not before "],
  ["as it is broken", 503, {}, "hint: The trouble is on the side of"],
])("a registry that refuses for ever %s is given up", async (_, status, headers, says) => {
  await using place = await small();
  await using registry = await startRegistry({
    intercept: refusing(status, status === 429 ? "TOOMANYREQUESTS" : "UNKNOWN", "slow down", headers),
  });
  expectTold(await run(place, ["tags", `${registry.host}/acme/app`]), {
    says: [
      `Cannot list the tags of ${registry.host}/acme/app`,
      `${status} ${status === 429 ? "TOOMANYREQUESTS" : "UNKNOWN"}: slow down`,
      says,
      "hint: ",
    ],
  });
});

test("a registry that is down, or that no name server knows, is named", async () => {
  await using place = await small();
  await layout(place);
  for (const args of [
    ["pull", "127.0.0.1:1/acme/app:1"],
    ["push", "oci:layout:1", "127.0.0.1:1/acme/app:1"],
  ])
    expectTold(await run(place, args), {
      says: ["127.0.0.1:1/acme/app:1", "connection refused (after 3", "hint: Check that a registry listens at"],
    });
  const offline = await run(place, ["pull", "registry.invalid/acme/app:1"]);
  expect(offline.stderr).toMatch(/no host is called "registry\.invalid"|the name server does not answer/);
  expectTold(offline, { says: "Cannot read registry.invalid/acme/app:1" });
});

test("a host that never answers is given up after a few attempts, not after minutes", async () => {
  let connections = 0;
  await using silent = await startWeb(() => undefined);
  silent.server.on("connection", () => connections++);
  await using client = await RegistryClient.open({
    timeouts: { connect: 100, headers: 100, stall: 100 },
    retries: { delay: 1 },
  });
  const repository = client.repository(parseReference(`${silent.host}/acme/app`));
  await expect(repository.resolve("1")).rejects.toMatchObject({
    name: "RegistryError",
    code: "UNAVAILABLE",
    message: expect.stringMatching(/(?:no answer for 0\.1 s|no connection in time).* \(after \d attempts\)$/),
  });
  expect(connections).toBeLessThanOrEqual(9);
});

test.each([
  ["200", 200],
  ["404", 404],
])("a web site that answers %s is no registry", async (_, status) => {
  await using place = await small();
  await using web = await startWeb((__, response) => {
    response.writeHead(status, { "content-type": "text/html" }).end("<html><title>Welcome</title>hello");
  });
  await layout(place);
  const name = `${web.host}/acme/app`;
  for (const args of [
    ["pull", `${name}:1`],
    ["delete", `${name}:1`],
    ["push", "oci:layout:1", `${name}:1`],
    ["tags", name],
  ])
    expectTold(await run(place, args), { says: [name, "hint: "] });
});

test("a web site is no registry to log in to, although it lets everybody in", async () => {
  await using place = await small();
  await using web = await startWeb((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>hello");
  });
  const stdin = { through: ["sh", "-c", 'echo s3cret | "$0" "$@"'] };
  expectTold(await run(place, ["login", "-u", "ada", "--password-stdin", web.host], {}, stdin), {
    says: [`Cannot log in to ${web.host}`, "an HTML page", `hint: Is ${web.host} a registry?`],
  });
});

test("redirects that lead in a circle end", async () => {
  await using place = await small();
  await using web = await startWeb(({ url = "/" }, response) => {
    response.writeHead(307, { location: url }).end();
  });
  expectTold(await run(place, ["pull", `${web.host}/acme/app:1`]), {
    says: [`Cannot read ${web.host}/acme/app:1`, "redirected more than 10 times", "hint: "],
  });
});

test("an error of 10 MB is told in a line", async () => {
  await using place = await small();
  const long = "m".repeat(10 * 2 ** 20);
  for (const body of [long, JSON.stringify({ errors: [{ code: "X", message: long }] })]) {
    await using web = await startWeb((_, response) => {
      response.writeHead(400, { "content-type": "application/json" }).end(body);
    });
    const outcome = await run(place, ["tags", `${web.host}/acme/app`]);
    expectRefusal(outcome, { says: [`Cannot list the tags of ${web.host}/acme/app`, "400 Bad Request", "mmmm"] });
    expect(outcome.stderr.length).toBeLessThan(1000);
  }
});

const manifest = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: zeros, size: 2 },
  layers: [],
};

test.each<readonly [string, string, object | string, readonly string[]]>([
  ["schema 1", "application/vnd.docker.distribution.manifest.v1+prettyjws", { schemaVersion: 1 }, ["schema 1", "hint"]],
  ["schema 1 that nobody names", "application/json", { schemaVersion: 1, fsLayers: [] }, ["schema 1", "hint: "]],
  ["no image", "application/vnd.acme.thing+json", { what: 1 }, ["as an image", "application/vnd.acme.thing+json"]],
  ["of a type that it is not", mediaTypes.ociIndex, manifest, ["could be read in two ways"]],
  ["of another digest than is said", mediaTypes.ociManifest, manifest, ["the content is sha256:", "hint: "]],
  ["no JSON", mediaTypes.ociManifest, "hello", ["is not valid JSON"]],
])("a manifest that is %s is refused by name", async (what, type, document, says) => {
  await using place = await small();
  const bytes = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
  await using web = await startWeb((request, response) => {
    if (request.url?.includes("/manifests/") !== true) {
      response.writeHead(404).end();
      return;
    }
    const right = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const stated = what.startsWith("of another digest") ? zeros : right;
    const headers = { "content-type": type, "docker-content-digest": stated, "content-length": bytes.length };
    response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : bytes);
  });
  expectTold(await run(place, ["inspect", `${web.host}/acme/app:1`]), { says: [`${web.host}/acme/app`, ...says] });
});

test.concurrent.each<readonly [string, (response: ServerResponse, size: number) => void, string]>([
  ["other bytes", (response, size) => response.end(Buffer.alloc(size)), "the content is sha256:"],
  ["more bytes", (response, size) => response.end(Buffer.alloc(size + 1)), `bytes of it, not`],
  ["fewer bytes", (response) => response.end("few"), "it ended after 3 of"],
  ["nothing", (response) => response.writeHead(404).end(), "404 Not Found"],
  ["a web page", (response) => response.setHeader("content-type", "text/html").end("<html>log in"), "it ended after"],
])("a registry that gives %s for a layer is named, and nothing is written", async (_, give, says) => {
  await using place = await small();
  let layer = "";
  await using registry = await startRegistry({
    intercept: async ({ method, reference }, { response }, next) => {
      if (method !== "GET" || reference !== layer) return await next();
      // A length that is right or wrong comes by itself.
      give(response, 2560);
    },
  });
  const image = await fill(registry, "acme/app:1", { size: 1000 });
  layer = image.images[0]?.layers[0]?.descriptor.digest ?? "";
  const before = await place.names();
  const outcome = await run(place, ["pull", `${registry.host}/acme/app:1`]);
  expect(outcome.status).toBe(1);
  expect(outcome.stderr).toContain(`${registry.host}/acme/app`);
  expect(outcome.stderr).toContain(layer);
  expect(outcome.stderr).toContain(says);
  expect(outcome.stdout).toBe("");
  expect(await place.names()).toEqual(before);
});

test("an index whose image is missing is refused by name", async () => {
  await using place = await small();
  let gone = "";
  await using registry = await startRegistry({
    intercept: async (request, { response }, next) => {
      if (request.method === "GET" && request.reference === gone) response.writeHead(404).end();
      else await next();
    },
  });
  const image = await fill(registry, "acme/app:1", { platforms: ["linux/amd64", "linux/arm64"] });
  gone = image.images[0]?.descriptor.digest ?? "";
  expectTold(await run(place, ["pull", "--all-platforms", `${registry.host}/acme/app:1`, "oci-archive:out.tar"]), {
    says: [`${registry.host}/acme/app`, gone, "404 Not Found", "hint: "],
  });
  expect(await place.names()).not.toContain("out.tar");
});

test("a read-only registry says so, to a push and to a deletion; the same once more is no error", async () => {
  await using place = await small();
  await layout(place);
  await using registry = await serve(await LayoutStore.open(join(place.path, "layout")));
  await using other = await small();
  await layout(other);
  expectTold(await run(other, ["push", "oci:layout:1", `${registry.host}/acme/app:1`]), {
    says: [`Cannot push ${registry.host}/acme/app:1`, "405 UNSUPPORTED", "this registry is read-only"],
  });
  expectTold(await run(place, ["delete", `${registry.host}/layout:1`]), {
    says: [`Cannot delete ${registry.host}/layout:1`, "this registry is read-only"],
  });
  expect(await run(place, ["push", "oci:layout:1", `${registry.host}/layout:1`])).toMatchObject({ status: 0 });
});

test("a layout with a damaged layer never becomes an image of the registry", async () => {
  await using place = await small();
  const store = new MemoryStore();
  await using registry = await startRegistry({ store });
  const image = await layout(place, { size: 200_000 });
  const layer = image.images[0]?.layers[0]?.descriptor.digest;
  if (layer === undefined) throw new TypeError("A random image has layers");
  const path = join(place.path, "layout/blobs/sha256", digestHex(layer));
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000);
  writeFileSync(path, bytes);
  expectTold(await run(place, ["push", "oci:layout:1", `${registry.host}/acme/app:1`]), {
    says: [`Cannot read ${layer}: the content is sha256:`],
  });
  expect(registry.requests.filter(({ method, operation }) => method === "PUT" && operation === "manifest")).toEqual([]);
  expect(await run(place, ["digest", `${registry.host}/acme/app:1`])).toMatchObject({ status: 1 });
});

test("a copy onto itself leaves everything as it is", async () => {
  await using place = await small();
  await using registry = await startRegistry();
  const image = await fill(registry, "acme/app:1");
  const before = registry.requests.length;
  const name = `${registry.host}/acme/app:1`;
  const outcome = await run(place, ["copy", "--json", name, name]);
  expect(outcome).toMatchObject({ status: 0 });
  expect(JSON.parse(outcome.stdout)).toMatchObject({ digest: image.descriptor.digest });
  expect(registry.requests.slice(before).filter(({ method }) => method !== "HEAD" && method !== "GET")).toEqual([]);
});

test("a registry that does not delete says so, with what to do", async () => {
  await using place = await small();
  const no = refusing(405, "UNSUPPORTED", "The operation is unsupported.");
  await using registry = await startRegistry({
    intercept: async (request, raw, next) => await (request.method === "DELETE" ? no(request, raw, next) : next()),
  });
  const { descriptor } = await fill(registry, "acme/app:1");
  expectTold(await run(place, ["delete", `${registry.host}/acme/app:1`]), {
    says: ["deletes no tags", "The operation is unsupported.", "hint: Delete the digest"],
  });
  expectTold(await run(place, ["delete", `${registry.host}/acme/app@${descriptor.digest}`]), {
    says: ["does not delete", "hint: Deletion may be switched off"],
  });
});
