import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copy } from "@lading/oci";
import {
  randomImage,
  startRegistry,
  type StartRegistryOptions,
  temporaryFolder,
  type TestRegistry,
  validateImage,
} from "@lading/testkit";
import { describe, expect, test } from "vitest";
import type { Credential } from "./auth/credential.ts";
import { RegistryClient } from "./client.ts";
import { loadHostConfig } from "./hosts/load-host-config.ts";

/* From credentials to content, against a registry with the guards that registries have. */

const right: Credential = { type: "password", username: "bob", password: "correct horse" };
const wrong: Credential = { ...right, password: "hunter2" };
const check = (username: string, password: string): boolean => username === "bob" && password === "correct horse";
const basic = { type: "basic", check } as const;
const token = { type: "token", check } as const;

interface Setting extends AsyncDisposable {
  readonly registry: TestRegistry;
  readonly client: RegistryClient;
  readonly lines: readonly string[];
}

async function setUp(options: StartRegistryOptions, credential?: Credential): Promise<Setting> {
  const registry = await startRegistry(options);
  const lines: string[] = [];
  const found = credential === undefined ? undefined : { credential, from: "a test" };
  const client = await RegistryClient.open({
    hostConfig: await loadHostConfig({
      env: {},
      home: "/nowhere",
      systemFolders: { containers: "/nowhere", docker: "/nowhere" },
    }),
    keychain: { find: () => Promise.resolve(found) },
    retries: { sleep: () => Promise.resolve() },
    onTrace: (line) => lines.push(line),
  });
  return {
    registry,
    client,
    lines,
    async [Symbol.asyncDispose]() {
      await client.close();
      await registry.close();
    },
  };
}

const tokensAsked = (registry: TestRegistry): readonly (readonly string[])[] =>
  registry.requests
    .filter(({ operation }) => operation === "token")
    .map(({ url }) => new URL(url, registry.url).searchParams.getAll("scope"));

describe.each([
  ["Basic", basic],
  ["token", token],
])("%s authentication", (_, auth) => {
  test("push and pull go through", async () => {
    await using setting = await setUp({ auth }, right);
    const image = await randomImage({ layers: 3 });
    const repository = setting.client.repository(`${setting.registry.host}/acme/app`);
    await copy(image.source, repository, image.descriptor);
    await repository.tag(image.descriptor, "v1");
    await validateImage(repository, await repository.resolve("v1"));
  });

  test("wrong credentials are told with where they came from, and are in no line and no error", async () => {
    await using setting = await setUp({ auth }, wrong);
    const failure = await setting.client
      .repository(`${setting.registry.host}/acme/app`)
      .resolve("v1")
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "UNAUTHORIZED", hint: expect.stringContaining("come from a test") });
    const said = [String(failure), JSON.stringify(failure), ...setting.lines].join("\n");
    expect(said).not.toContain("hunter2");
    expect(said).not.toContain(Buffer.from("bob:hunter2").toString("base64"));
  });

  test("without credentials it says to log in", async () => {
    await using setting = await setUp({ auth });
    const repository = setting.client.repository(`${setting.registry.host}/acme/app`);
    await expect(repository.resolve("v1")).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      hint: expect.stringMatching(/lading login/),
    });
  });
});

describe("tokens", () => {
  test("one serves for a whole push", async () => {
    await using setting = await setUp({ auth: token }, right);
    const { registry, client } = setting;
    const image = await randomImage({ layers: 4 });
    await copy(image.source, client.repository(`${registry.host}/acme/app`), image.descriptor);
    expect(tokensAsked(registry)).toEqual([["repository:acme/app:pull,push"]]);
  });

  test("a public repository is read anonymously", async () => {
    await using setting = await setUp({ auth: { ...token, allow: () => ["pull"] } });
    const image = await randomImage();
    await copy(image.source, setting.registry.store, image.descriptor);
    await setting.registry.store.tag(image.descriptor, `${setting.registry.host}/acme/app:v1`);
    const repository = setting.client.repository(`${setting.registry.host}/acme/app`);
    await validateImage(repository, await repository.resolve("v1"));
    expect(setting.registry.requests.filter(({ headers }) => headers.authorization?.startsWith("Basic"))).toEqual([]);
    expect(tokensAsked(setting.registry)).toEqual([["repository:acme/app:pull"]]);
  });

  test("a mount asks for both repositories in one token", async () => {
    await using setting = await setUp({ auth: token }, right);
    const { registry, client } = setting;
    const image = await randomImage({ layers: 2 });
    const source = client.repository(`${registry.host}/acme/base`);
    const target = client.repository(`${registry.host}/acme/app`);
    await copy(image.source, source, image.descriptor);
    await copy(source, target, image.descriptor);
    await validateImage(target, image.descriptor);
    expect(tokensAsked(registry)).toContainEqual(["repository:acme/app:pull,push", "repository:acme/base:pull"]);
  });

  test("those that are refused in the middle of a push are replaced", async () => {
    let count = 0;
    await using setting = await setUp(
      {
        auth: token,
        intercept: async (request, raw, next) => {
          if (request.operation === "token" || request.headers.authorization === undefined || (count += 1) % 3 !== 0)
            return await next();
          const realm = new URL("/token", `http://${request.headers.host}`).href;
          const challenge = `Bearer realm="${realm}",service="registry",error="invalid_token"`;
          raw.request.resume();
          raw.response.writeHead(401, { "www-authenticate": challenge, connection: "close" }).end();
        },
      },
      right,
    );
    const image = await randomImage({ layers: 6 });
    const repository = setting.client.repository(`${setting.registry.host}/acme/app`);
    await copy(image.source, repository, image.descriptor);
    await validateImage(repository, image.descriptor);
    expect(tokensAsked(setting.registry).length).toBeGreaterThan(3);
  });
});

test.each([
  "http://169.254.169.254/latest/meta-data",
  "http://auth.evil.test/token",
  "https://169.254.169.254/token",
  "https://10.0.0.1/token",
])("credentials never go to the realm %s", async (realm) => {
  await using setting = await setUp(
    {
      intercept: async (_, raw) => {
        raw.response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="registry"` }).end();
        await Promise.resolve();
      },
    },
    right,
  );
  const repository = setting.client.repository(`${setting.registry.host}/acme/app`);
  await expect(repository.resolve("v1")).rejects.toMatchObject({ code: "UNSAFE_URL" });
});

test("registries.conf: mirrors first, reading where it is moved to, writing where the name says", async () => {
  await using folder = await temporaryFolder();
  await using mirror = await startRegistry();
  await using location = await startRegistry();
  await using named = await startRegistry();
  const image = await randomImage({ layers: 2 });
  const registriesConf = join(folder.path, "registries.conf");
  await writeFile(
    registriesConf,
    `[[registry]]
    prefix = "${named.host}/acme"
    location = "${location.host}/moved"
    [[registry.mirror]]
    location = "${mirror.host}/mirrored"`,
  );
  await using client = await RegistryClient.open({
    hostConfig: await loadHostConfig({ env: {}, home: folder.path, registriesConf }),
    keychain: { find: () => Promise.resolve(undefined) },
  });
  const repository = client.repository(`${named.host}/acme/app:v1`);

  await copy(image.source, repository, image.descriptor);
  expect(mirror.requests.length + location.requests.length).toBe(0);
  expect(named.requests.length).toBeGreaterThan(0);

  await copy(image.source, client.repository(`${location.host}/moved/app`), image.descriptor);
  const before = named.requests.length;
  await validateImage(client.repository(`${named.host}/acme/app:v1`), image.descriptor);
  const manifest = `/app/manifests/${image.descriptor.digest}`;
  expect(mirror.requests.map(({ url }) => url)).toContain(`/v2/mirrored${manifest}`);
  expect(location.requests.map(({ url }) => url)).toContain(`/v2/moved${manifest}`);
  expect(named.requests).toHaveLength(before);
});
